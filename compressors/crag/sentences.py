"""The sentences of the passages of one task, their vectors and their clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..segment import split
from ..similarity import Embedder
from ..task import Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Sentence", "embed", "sentences_of", "vectors_of"]


@dataclass(frozen=True, slots=True)
class Sentence:
    """``passages[passage].text[start:end]``, a segment of :func:`split`."""

    passage: int
    start: int
    end: int
    text: str


def sentences_of(task: Task) -> list[Sentence]:
    """All segments of all passages, in reading order."""
    return [
        Sentence(number, s.start, s.end, passage.text[s.start : s.end])
        for number, passage in enumerate(task.passages)
        for s in split(passage.text)
    ]


def vectors_of(
    sentences: Sequence[Sentence], query: str, embedder: Embedder
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """The sentences' vectors, float32 [n, d], and the question's, or None where it is blank.

    Each text is embedded once, whatever its number and blanks, so that repetitions have equal vectors. One
    task is one call: in a batch the rounding would depend on the other tasks, and k-means on the rounding.
    """
    import numpy as np

    texts = {" ".join(s.text.split()): 0 for s in sentences}
    for number, text in enumerate(texts):
        texts[text] = number
    asked = [query] if query.strip() else []
    found = np.asarray(embedder([*texts, *asked]), dtype=np.float32)
    rows = found[[texts[" ".join(s.text.split())] for s in sentences]]
    return rows, found[len(texts)] if asked else None


def embed(model: str) -> Embedder:
    """The embedder of a local model, loaded at first use."""

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        from ..models.encoder import load_encoder

        return load_encoder(model).encode(texts)

    return encode
