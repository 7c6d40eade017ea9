"""Indexes: vectors in, neighbours out. No SQL, no HTTP, no text here.

>>> from tersus.indexes import create_index
>>> index = create_index("flat", 2)
>>> index.add([7, 3], [[1.0, 0.0], [0.0, 1.0]])
>>> index.search([[2.0, 0.1]], k=1).ids.tolist()
[[7]]

Names are loaded when they are first used: importing this package costs nothing,
and FAISS is imported only once a FAISS index is made.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import DuplicateId, Index, IndexDump, InvalidDump, SearchResult
    from .checks import InvalidIds, InvalidVectors
    from .device import use_device
    from .flat import FlatIndex
    from .gpu import GpuStatus
    from .hnsw import HnswIndex
    from .ivf_kinds import IvfFlatIndex, IvfSq8Index
    from .ivf_pq import IvfPqIndex
    from .registry import IndexBroken, UnknownIndex, available_indexes, create_index, load_index_class
    from .snapshot import (
        SnapshotDamaged,
        SnapshotInfo,
        SnapshotMissing,
        SnapshotNotWritten,
        SnapshotTooNew,
        SnapshotUnreadable,
        load_snapshot,
        read_snapshot_info,
        save_snapshot,
    )

__all__ = [
    "DuplicateId",
    "FlatIndex",
    "GpuStatus",
    "HnswIndex",
    "Index",
    "IndexBroken",
    "IndexDump",
    "InvalidDump",
    "InvalidIds",
    "InvalidVectors",
    "IvfFlatIndex",
    "IvfPqIndex",
    "IvfSq8Index",
    "SearchResult",
    "SnapshotDamaged",
    "SnapshotInfo",
    "SnapshotMissing",
    "SnapshotNotWritten",
    "SnapshotTooNew",
    "SnapshotUnreadable",
    "UnknownIndex",
    "available_indexes",
    "create_index",
    "load_index_class",
    "load_snapshot",
    "read_snapshot_info",
    "save_snapshot",
    "use_device",
]

_MODULES = {
    "base": ("DuplicateId", "Index", "IndexDump", "InvalidDump", "SearchResult"),
    "checks": ("InvalidIds", "InvalidVectors"),
    "device": ("use_device",),
    "flat": ("FlatIndex",),
    "gpu": ("GpuStatus",),
    "hnsw": ("HnswIndex",),
    "ivf_kinds": ("IvfFlatIndex", "IvfSq8Index"),
    "ivf_pq": ("IvfPqIndex",),
    "registry": ("IndexBroken", "UnknownIndex", "available_indexes", "create_index", "load_index_class"),
    "snapshot": (
        "SnapshotDamaged",
        "SnapshotInfo",
        "SnapshotMissing",
        "SnapshotNotWritten",
        "SnapshotTooNew",
        "SnapshotUnreadable",
        "load_snapshot",
        "read_snapshot_info",
        "save_snapshot",
    ),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value  # the next access no longer passes here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
