"""From the spans that a compressor scores to the sentences that a data set has."""

from __future__ import annotations

from collections.abc import Sequence

from ...compressors import Span
from ..data import Offsets

__all__ = ["sentence_scores"]


def sentence_scores(sentences: Sequence[Offsets], spans: Sequence[Span]) -> list[float | None]:
    """A score for each sentence: the largest among the spans that are mostly the same text.

    A span counts where it shares at least half of the shorter of the two: so a sentence cut in pieces
    has its best piece's score, a span over two sentences gives its score to both, and a span that
    reaches a few characters into its neighbour gives it nothing. Where no span shares so much, all
    that touch the sentence count; None where none does.
    """
    return [_score(start, end, spans) for start, end in sentences]


def _score(start: int, end: int, spans: Sequence[Span]) -> float | None:
    shared = [(min(end, span.end) - max(start, span.start), span) for span in spans]
    touching = [(common, span) for common, span in shared if common > 0]
    mostly = [span for common, span in touching if 2 * common >= min(end - start, span.end - span.start)]
    return max((span.score for span in mostly or [span for _, span in touching]), default=None)
