"""Passages that a request brings, and what became of them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ...compressors import CompressedPassage, Passage

__all__ = [
    "GivenPassage",
    "PassageIn",
    "PassageOut",
    "RetrievedPassage",
    "SourceOut",
    "SpanOut",
    "passages_of",
]


class PassageIn(BaseModel):
    """A passage; a plain string stands for one with a text alone."""

    model_config = ConfigDict(extra="forbid")

    text: str
    id: str | None = Field(default=None, max_length=1000, description="Its place in the list by default.")
    title: str = Field(default="", max_length=10_000)
    document_id: str | None = Field(default=None, max_length=1000)
    metadata: dict[str, Any] = Field(default_factory=dict, description="Comes back as it is.")

    def passage(self, index: int) -> Passage:
        """As compressors take it."""
        return Passage(
            text=self.text,
            id=str(index) if self.id is None else self.id,
            title=self.title,
            document_id=self.document_id,
            metadata=self.metadata,
        )


GivenPassage = Annotated[str | PassageIn, Field(description="A text, or an object with one.")]


def passages_of(given: list[str | PassageIn]) -> list[Passage]:
    """As compressors take them."""
    return [
        Passage(text=one, id=str(n)) if isinstance(one, str) else one.passage(n)
        for n, one in enumerate(given)
    ]


class SpanOut(BaseModel):
    """A part of the original text that was kept: ``text[start:end]``, in characters (code points)."""

    start: int
    end: int
    score: float | None = None


class SourceOut(BaseModel):
    """A sentence of a rewritten passage, and the indexes of the passages that it was made from."""

    text: str
    passages: list[int]


class PassageOut(BaseModel):
    """One passage: what was sent of it."""

    index: int = Field(description="Its place among the passages given or retrieved.")
    id: str
    document: str | None = None
    title: str = ""
    text: str = Field(description="What was sent; empty where the passage was dropped.")
    kept: list[SpanOut] | None = Field(description="Spans of the original text; null where it was rewritten.")
    sources: list[SourceOut] = Field(default_factory=list)
    source: str | None = Field(default=None, description="The original text of a passage that was retrieved.")
    offset: int = 0
    score: float | None = Field(default=None, description="Of the search.")
    metadata: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def of(cls, index: int, passage: CompressedPassage, *, retrieved: bool) -> PassageOut:
        """From a compressor's passage; the original text only of what the caller does not have."""
        source = passage.source
        return cls(
            index=index,
            id=source.id,
            document=source.document_id,
            title=source.title,
            text=passage.text,
            kept=None
            if passage.kept is None
            else [SpanOut(start=s.start, end=s.end, score=s.score) for s in passage.kept],
            sources=[SourceOut(text=s.text, passages=list(s.passages)) for s in passage.sentences],
            source=source.text if retrieved else None,
            offset=source.offset,
            score=source.score,
            metadata=dict(source.metadata),
        )


class RetrievedPassage(BaseModel):
    """A passage that was found."""

    id: str
    document: str | None
    title: str
    text: str
    offset: int = Field(description="Where it begins in its document, in characters.")
    score: float | None = Field(description="Cosine, BM25, or sum of reciprocal ranks, by the search's mode.")
    metadata: dict[str, Any]

    @classmethod
    def of(cls, passage: Passage) -> RetrievedPassage:
        """From a retriever's passage."""
        return cls(
            id=passage.id,
            document=passage.document_id,
            title=passage.title,
            text=passage.text,
            offset=passage.offset,
            score=passage.score,
            metadata=dict(passage.metadata),
        )
