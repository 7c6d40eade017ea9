"""Groups of reviews, the first n of each, put to every compressor at the same number of tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...compressors import Budget, Compressor, Passage
from ...compressors.segment import split
from ..data_reviews import ReviewGroup
from ..metrics.rouge import rouge1, rouge2

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ...compressors.similarity import Embedder

__all__ = ["ALL", "Memory", "Sample", "Scores", "measure", "sizes_of", "texts_of"]

ALL = 0
"""Stands for all texts of a group."""


@dataclass(frozen=True, slots=True)
class Scores:
    """One compressor's context: its tokens, and how near it comes to the human summaries.

    ``cosine``: mean over the summaries, of the embeddings of context and summary.
    """

    tokens: int
    rouge1: float | None
    rouge2: float | None
    cosine: float | None


@dataclass(frozen=True, slots=True)
class Sample:
    """The first ``size`` texts of a group (:data:`ALL`: all): ``plain`` tokens without compression,
    ``crag`` tokens with the adaptive budget, and each compressor's scores where it may keep as many."""

    group: str
    size: int
    plain: int
    crag: int
    scores: Mapping[str, Scores]


class Memory:
    """An embedder that embeds each text once."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[str, NDArray[np.float32]] = {}

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Texts to vectors, float32 [n, d]."""
        import numpy as np

        if new := [text for text in dict.fromkeys(texts) if text not in self._known]:
            self._known.update(zip(new, self._embedder(new), strict=True))
        return np.stack([self._known[text] for text in texts])


def texts_of(groups: Sequence[ReviewGroup]) -> list[str]:
    """All sentences and summaries, to be embedded at one go."""
    found = [" ".join(t[s.start : s.end].split()) for g in groups for t in g.texts for s in split(t)]
    return list(dict.fromkeys(found + [" ".join(s.split()) for g in groups for s in g.summaries]))


def sizes_of(group: ReviewGroup, sizes: Sequence[int]) -> list[int]:
    """Those of the sizes for which the group has texts enough."""
    return [size for size in sizes if len(group.texts) >= max(size, 1)]


def measure(
    group: ReviewGroup,
    size: int,
    crag: Compressor,
    others: Sequence[Compressor],
    embed: Embedder,
    *,
    topic: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> Sample:
    """Compress the first ``size`` texts, each a passage.

    ``crag`` has its adaptive budget, the ``others`` as many tokens as it took. ``topic``: the group's
    topic is the question; else there is none.
    """
    passages = [Passage(text=text) for text in group.texts[: size or None]]
    query = group.topic if topic else ""
    own = crag.compress(query, passages)
    contexts = {crag.name: (own.text, own.tokens_after)}
    for other in others:
        result = other.compress(query, passages, Budget(max_tokens=max(1, own.tokens_after)))
        contexts[other.name] = (result.text, result.tokens_after)
    near = _cosines(group, [text for text, _ in contexts.values()], embed)
    scores = {
        name: Scores(tokens, rouge1(text, group.summaries), rouge2(text, group.summaries), cosine)
        for (name, (text, tokens)), cosine in zip(contexts.items(), near, strict=True)
    }
    advance()
    return Sample(group.id, size, own.tokens_before, own.tokens_after, scores)


def _cosines(group: ReviewGroup, contexts: Sequence[str], embed: Embedder) -> list[float | None]:
    if not group.summaries:
        return [None] * len(contexts)
    gold = embed([" ".join(summary.split()) for summary in group.summaries])
    vectors = embed([" ".join(text.split()) for text in contexts])
    return [
        float((gold @ vector).mean()) if text else 0.0 for text, vector in zip(contexts, vectors, strict=True)
    ]
