"""Clusters of a collection's passages: built by the k-means that inverted files use, kept in SQL, shown."""

from __future__ import annotations

from .build import ClusterReport, build_clusters
from .describe import describe_clusters
from .level import assign_new, ensure_clusters
from .stored import chunks_in_clusters, clusters_of, load_centroids

__all__ = [
    "ClusterReport",
    "assign_new",
    "build_clusters",
    "chunks_in_clusters",
    "clusters_of",
    "describe_clusters",
    "ensure_clusters",
    "load_centroids",
]
