"""What is to be stored: a document with its chunks and their embeddings, checked before it meets SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidInput
from .text import safe_text

__all__ = ["MAX_EXTERNAL_ID", "NewChunk", "NewDocument"]

MAX_EXTERNAL_ID = 2000
"""Longest external id in UTF-8 bytes: PostgreSQL's unique index takes no more than 2704 bytes an entry."""


@dataclass(frozen=True, slots=True)
class NewChunk:
    """A passage of a document; ``start`` and ``end`` are character offsets into the document's text.

    ``vector`` has shape ``(dimension of the collection,)``. ``position`` is the chunk's place in the
    document; None means the order in which the chunks are given.
    """

    start: int
    end: int
    title: str
    text: str
    vector: NDArray[np.float32]
    meta: Mapping[str, Any] = field(default_factory=dict)
    position: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", safe_text(self.title))
        object.__setattr__(self, "text", safe_text(self.text))


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document as it will be stored; texts pass through `safe_text`, which keeps their length.

    ``content_hash`` is the SHA-256, in hexadecimal, of the content and of everything that decides how
    it is processed: a document with an equal hash is left alone.
    Raises `InvalidInput` for an empty or overlong external id, and for chunks outside the text or in
    the same position.
    """

    external_id: str
    title: str
    text: str
    content_hash: str
    media_type: str
    size_bytes: int
    meta: Mapping[str, Any] = field(default_factory=dict)
    chunks: Sequence[NewChunk] = ()

    def __post_init__(self) -> None:
        for name in ("external_id", "title", "text"):
            object.__setattr__(self, name, safe_text(getattr(self, name)))
        if not self.external_id or len(self.external_id.encode()) > MAX_EXTERNAL_ID:
            raise InvalidInput(
                f"the document id {self.external_id[:40]!r} is empty or longer than {MAX_EXTERNAL_ID} bytes",
                hint="give each document a shorter path or name",
            )
        for chunk in self.chunks:
            if not 0 <= chunk.start <= chunk.end <= len(self.text):
                raise InvalidInput(
                    f"a chunk of {self.external_id!r} covers characters {chunk.start} to {chunk.end} "
                    f"of a text of {len(self.text)}",
                    hint="offsets count characters of the document's text, end not included",
                )
        if len(set(self.positions())) != len(self.chunks):
            raise InvalidInput(
                f"two chunks of {self.external_id!r} have the same position",
                hint="number the chunks from 0, or leave position out of all of them",
            )

    def positions(self) -> list[int]:
        """The position of each chunk, in the order given."""
        return [
            index if chunk.position is None else chunk.position for index, chunk in enumerate(self.chunks)
        ]
