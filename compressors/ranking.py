"""The candidates of one task, and the order in which they are taken."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from .task import Task
from .types import CompressedPassage, Passage, Span

__all__ = ["Ranking"]


class Ranking:
    """All candidate spans as flat lists, in reading order; ``spans[i]`` belongs to passage ``passage[i]``.

    ``protected`` are the numbers of the spans that a keep pattern touches; ``companions[i]`` those that
    span ``i`` brings with it. ``order`` holds ``(i, owner)`` in the order of taking: the protected spans by
    falling score, then what they bring, then each other span by falling score, followed by what it
    brings. ``owner`` is the span that brings ``i``, or ``i`` itself: brought spans are taken only
    where their owner was. ``joined``: neighbours that are both kept become one span, as words do.
    """

    def __init__(self, task: Task, candidates: Sequence[Sequence[Span]], *, joined: bool = False) -> None:
        self._passages = task.passages
        self._joined = joined
        self.spans: list[Span] = []
        self.passage: list[int] = []
        self.companions: list[tuple[int, ...]] = []
        protected: list[int] = []
        matches = task.protection.matches([p.text for p in task.passages]) if task.protection.keep else None
        for number, (passage, spans) in enumerate(zip(task.passages, candidates, strict=True)):
            first = len(self.spans)
            self.spans += spans
            self.passage += [number] * len(spans)
            self.companions += _companions(task, passage, spans, first)
            if matches:
                protected += [first + i for i in _touched(passage.text, spans, matches[number])]
        self.protected = frozenset(protected)
        self.order = self._order()

    def _order(self) -> list[tuple[int, int]]:
        by_score = sorted(range(len(self.spans)), key=lambda i: (-self.spans[i].score, i))
        first = [i for i in by_score if i in self.protected]
        order = [(i, i) for i in first] + [(j, i) for i in first for j in self.companions[i]]
        for i in by_score:
            if i not in self.protected:
                order += [(i, i), *((j, i) for j in self.companions[i])]
        return order

    def with_companions(self, chosen: Iterable[int]) -> set[int]:
        """The spans with all that they bring."""
        chosen = set(chosen)
        return chosen.union(*(self.companions[i] for i in chosen))

    def merit(self, chosen: Iterable[int]) -> tuple[int, bool]:
        """What a set must not be given up for: its protected spans, and the first in order."""
        chosen = set(chosen)
        return len(chosen & self.protected), bool(self.order) and self.order[0][0] in chosen

    def passages(self, chosen: Iterable[int]) -> list[CompressedPassage]:
        """The passages reduced to these spans."""
        spans: list[list[Span]] = [[] for _ in self._passages]
        for i in sorted(chosen):
            spans[self.passage[i]].append(self.spans[i])
        return [_reduced(p, s, self._joined) for p, s in zip(self._passages, spans, strict=True)]


def _companions(task: Task, passage: Passage, spans: Sequence[Span], first: int) -> list[tuple[int, ...]]:
    if not task.protection.brings:
        return [() for _ in spans]
    from .companions import find_companions  # here: importing tersus.compressors stays cheap

    found = find_companions(passage, spans, task.protection)
    return [tuple(first + j for j in others) for others in found]


def _touched(text: str, spans: Sequence[Span], matches: Sequence[tuple[int, int]]) -> list[int]:
    """The numbers of the spans with which a match has a character in common that is no white space."""
    ends = [span.end for span in spans]
    touched: set[int] = set()
    for start, end in matches:
        i = bisect_left(ends, start + 1)
        while i < len(spans) and spans[i].start < end:
            if i not in touched and text[max(start, spans[i].start) : min(end, spans[i].end)].strip():
                touched.add(i)
            i += 1
    return sorted(touched)


def _reduced(passage: Passage, spans: Sequence[Span], joined: bool) -> CompressedPassage:
    """Neighbours on different lines become one span, so that lists, tables and code keep their lines, and
    so do those with nothing between them, where a blank would be put."""
    merged: list[Span] = []
    for span in spans:
        if merged:
            gap = passage.text[merged[-1].end : span.start]
            if not gap.strip() and (joined or not gap or "\n" in gap):
                merged[-1] = Span(merged[-1].start, span.end, max(merged[-1].score, span.score))
                continue
        merged.append(span)
    return CompressedPassage.of(passage, merged)
