"""Clusters of a collection's passages: built by the k-means that inverted files use, kept in SQL, shown.

Names load at first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .build import ClusterReport, build_clusters
    from .describe import describe_clusters
    from .level import assign_new, ensure_clusters
    from .stored import chunks_in_clusters, cluster_table, clusters_of, load_centroids

__all__ = [
    "ClusterReport",
    "assign_new",
    "build_clusters",
    "chunks_in_clusters",
    "cluster_table",
    "clusters_of",
    "describe_clusters",
    "ensure_clusters",
    "load_centroids",
]

_MODULES = {
    "build": ("ClusterReport", "build_clusters"),
    "describe": ("describe_clusters",),
    "level": ("assign_new", "ensure_clusters"),
    "stored": ("chunks_in_clusters", "cluster_table", "clusters_of", "load_centroids"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
