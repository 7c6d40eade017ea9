"""The SQL floor: corpus tables, the ledger of queries, and what they saved.

Names are loaded on first use, so that ``import tersus.rag.ledger`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .calibrations import CalibrationRepository, StoredCalibration
    from .chunk_clusters import ChunkClusterRepository
    from .chunks import ChunkRepository
    from .clusterings import ClusteringRepository
    from .collections import CollectionRepository, CollectionSummary
    from .documents import DocumentRepository
    from .engine import Database
    from .new_document import NewChunk, NewDocument
    from .queries import QueryRepository
    from .query_writes import NewQuery, QueryWrites
    from .savings import SavingsReport, SavingsRow

__all__ = [
    "CalibrationRepository",
    "ChunkClusterRepository",
    "ChunkRepository",
    "ClusteringRepository",
    "CollectionRepository",
    "CollectionSummary",
    "Database",
    "DocumentRepository",
    "NewChunk",
    "NewDocument",
    "NewQuery",
    "QueryRepository",
    "QueryWrites",
    "SavingsReport",
    "SavingsRow",
    "StoredCalibration",
]

# The function ``savings`` is not among them: its module has the same name and would hide it.
_HOME = {
    "CalibrationRepository": "calibrations",
    "ChunkClusterRepository": "chunk_clusters",
    "ChunkRepository": "chunks",
    "ClusteringRepository": "clusterings",
    "CollectionRepository": "collections",
    "CollectionSummary": "collections",
    "Database": "engine",
    "DocumentRepository": "documents",
    "NewChunk": "new_document",
    "NewDocument": "new_document",
    "NewQuery": "query_writes",
    "QueryRepository": "queries",
    "QueryWrites": "query_writes",
    "SavingsReport": "savings",
    "SavingsRow": "savings",
    "StoredCalibration": "calibrations",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
