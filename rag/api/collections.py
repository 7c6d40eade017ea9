"""Collections and their documents."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..ingest.report import IngestReport
from ..ledger import CollectionSummary
from ..ledger.tables import Document
from .queries import Name

__all__ = [
    "CollectionIn",
    "CollectionList",
    "CollectionOut",
    "Deleted",
    "DocumentIn",
    "DocumentList",
    "DocumentOut",
    "DocumentSummary",
    "DocumentsIn",
    "IngestOut",
    "IngestedOut",
]


class CollectionIn(BaseModel):
    """A collection to make."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"name": "docs"}})

    name: Name = Field(description="No slashes, no control characters.")
    index: Literal["auto", "flat", "hnsw", "ivf-flat", "ivf-sq8", "ivf-pq"] = Field(
        default="auto", description="Kind of the index; by default by size and memory."
    )


class CollectionOut(BaseModel):
    """A collection and how much it holds."""

    name: str
    documents: int
    chunks: int
    embedding_model: str
    dimension: int
    index: str
    created_at: datetime

    @classmethod
    def of(cls, summary: CollectionSummary) -> CollectionOut:
        """From the repository's summary."""
        row = summary.collection
        return cls(
            name=row.name,
            documents=summary.documents,
            chunks=summary.chunks,
            embedding_model=row.embedding_model,
            dimension=row.dimension,
            index=row.index_kind,
            created_at=row.created_at,
        )


class CollectionList(BaseModel):
    """The collections that the caller may use, by name."""

    collections: list[CollectionOut]


class DocumentIn(BaseModel):
    """A document: its text, under the id by which it is replaced or deleted later."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=500)] = Field(
        description="Yours; unique in the collection."
    )
    text: Annotated[str, Field(min_length=1)]
    title: str = Field(default="", max_length=10_000)
    metadata: dict[str, Any] = Field(default_factory=dict, description="For filters; comes back as it is.")


class DocumentsIn(BaseModel):
    """Documents to store; those that are there already are replaced, unchanged ones left alone."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "documents": [
                    {
                        "id": "lighthouse",
                        "title": "The lighthouse of Norrvik",
                        "text": "The lighthouse was built in 1887 by Astrid Holm. Its tower is white.",
                        "metadata": {"lang": "en"},
                    }
                ]
            }
        },
    )

    documents: list[DocumentIn] = Field(min_length=1)


class IngestedOut(BaseModel):
    """What became of a document."""

    id: str
    status: str = Field(description="added, replaced, unchanged, skipped, refused or pruned.")
    chunks: int
    reason: str | None
    code: str | None


class IngestOut(BaseModel):
    """What an ingest did."""

    collection: str
    documents: list[IngestedOut]
    counts: dict[str, int] = Field(description="Number of documents by status.")
    chunks: int = Field(description="Written.")
    seconds: float

    @classmethod
    def of(cls, report: IngestReport) -> IngestOut:
        """From the ingester's report."""
        return cls(
            collection=report.collection,
            documents=[
                IngestedOut(id=d.external_id, status=d.status, chunks=d.chunks, reason=d.reason, code=d.code)
                for d in report.documents
            ],
            counts=report.counts(),
            chunks=report.chunks,
            seconds=report.seconds,
        )


class DocumentSummary(BaseModel):
    """A document without its text."""

    id: str
    title: str
    media_type: str
    size_bytes: int
    metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Document) -> DocumentSummary:
        """From its row."""
        return cls(**_summary(row))


class DocumentOut(DocumentSummary):
    """A document, whole."""

    text: str

    @classmethod
    def of(cls, row: Document) -> DocumentOut:
        """From its row, whose text is loaded."""
        return cls(**_summary(row), text=row.text)


class DocumentList(BaseModel):
    """Documents in the order in which they were first added; ``next`` is the ``after`` of the next page."""

    documents: list[DocumentSummary]
    next: int | None


class Deleted(BaseModel):
    """What was deleted."""

    deleted: str
    documents: int


def _summary(row: Document) -> dict[str, Any]:
    return {
        "id": row.external_id,
        "title": row.title,
        "media_type": row.media_type,
        "size_bytes": row.size_bytes,
        "metadata": row.meta,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }
