"""What an ingest did, file by file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["IngestReport", "IngestedDocument", "OnProgress", "Progress", "Status"]

Status = Literal["added", "replaced", "unchanged", "skipped", "refused", "pruned"]


@dataclass(frozen=True, slots=True)
class IngestedDocument:
    """What became of one document; ``reason`` and ``code`` where it was skipped, refused or pruned."""

    external_id: str
    status: Status
    chunks: int = 0
    reason: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingest has come. ``chunks`` counts those embedded so far."""

    done: int
    total: int
    chunks: int
    latest: IngestedDocument | None = None


OnProgress = Callable[[Progress], None]


@dataclass(slots=True)
class IngestReport:
    """All documents of one ingest; ``index_problem`` where the index's snapshot could not be saved."""

    collection: str
    documents: list[IngestedDocument] = field(default_factory=list)
    chunks: int = 0
    seconds: float = 0.0
    index_problem: str | None = None

    def counts(self) -> dict[str, int]:
        """Number of documents by status."""
        return dict(Counter(d.status for d in self.documents))
