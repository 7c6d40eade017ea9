"""Whether a summary is nothing but sentences of its text."""

from __future__ import annotations

from collections.abc import Sequence

from ..segment import split
from ..types import Span

__all__ = ["spans_of"]


def spans_of(text: str, sentences: Sequence[str]) -> list[Span] | None:
    """Where the sentences stand in the text, in order; None where one is no segment of it."""
    spans: list[Span] = []
    segments = iter(split(text))
    for sentence in sentences:
        found = next((s for s in segments if text[s.start : s.end] == sentence), None)
        if found is None:
            return None
        spans.append(Span(found.start, found.end, 1.0))
    return spans
