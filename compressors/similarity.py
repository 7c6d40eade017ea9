"""``similarity``: sentences ranked by their embedding's cosine to the question. The baseline to beat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from .base import Task
from .extractive import Candidates, ExtractiveCompressor
from .segment import split
from .types import Passage, Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Embedder", "SimilarityCompressor"]

Embedder = Callable[[Sequence[str]], "NDArray[np.float32]"]
"""Texts to unit vectors, shape [n, d]."""


class SimilarityCompressor(ExtractiveCompressor):
    """Embeds the question and every sentence, with its passage's title as context, and keeps the nearest.

    Args:
        model: an alias (``minilm``), a hub name or a folder of a sentence-embedding model.
        embedder: used instead of ``model`` where given.
        threshold: cosine from which the adaptive budget keeps a sentence.
    """

    name: ClassVar[str] = "similarity"
    summary: ClassVar[str] = "Sentences nearest to the question by embedding: simple, the baseline to beat"
    speed: ClassVar[str] = "fast"

    def __init__(
        self, model: str = "minilm", *, embedder: Embedder | None = None, threshold: float = 0.35
    ) -> None:
        self.model: str = model
        self.threshold = threshold
        self._embedder = embedder

    @property
    def fingerprint(self) -> str:
        """Compressor and embedding model."""
        return f"{self.name}:{self.model}"

    def _score_batch(self, tasks: Sequence[Task]) -> Sequence[Candidates]:
        segments = [[split(p.text) for p in task.passages] for task in tasks]
        texts: list[str] = []
        for task, passages in zip(tasks, segments, strict=True):
            texts.append(task.query)
            for passage, found in zip(task.passages, passages, strict=True):
                texts += [_in_context(passage, passage.text[s.start : s.end]) for s in found]
        vectors = iter(self._embed(texts))
        scored: list[Candidates] = []
        for passages in segments:
            query = next(vectors)
            scored.append([[Span(s.start, s.end, float(query @ next(vectors))) for s in p] for p in passages])
        return scored

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if self._embedder is not None:
            return self._embedder(texts)
        from .models.encoder import load_encoder

        return load_encoder(self.model).encode(texts)


def _in_context(passage: Passage, sentence: str) -> str:
    return f"{passage.title}: {sentence}" if passage.title else sentence
