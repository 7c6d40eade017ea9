"""What is left out, one at a time: groups of neighbouring words, in windows that an encoder can read."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import groupby

from ..segment.word_units import WordUnit

__all__ = ["group_units", "guessed_sizes", "token_sizes", "windows_of", "without"]

_CHARS_A_TOKEN = 4


def token_sizes(offsets: Sequence[tuple[int, int]], units: Sequence[WordUnit]) -> list[int]:
    """How many tokens touch each unit. ``offsets`` are those of the text's tokens, in order."""
    starts, ends = [start for start, _ in offsets], [end for _, end in offsets]
    return [max(1, bisect_left(starts, u.end) - bisect_right(ends, u.start)) for u in units]


def guessed_sizes(units: Sequence[WordUnit]) -> list[int]:
    """About as many, of an encoder that does not tell."""
    return [-(-(unit.end - unit.start) // _CHARS_A_TOKEN) for unit in units]


def windows_of(units: Sequence[WordUnit], sizes: Sequence[int], most: int) -> list[list[WordUnit]]:
    """Consecutive units of at most ``most`` tokens together, ending where a segment does if one does.

    A unit that is longer stands alone.
    """
    windows: list[list[WordUnit]] = []
    first = 0
    while first < len(units):
        last, total = first, 0
        while last < len(units) and (last == first or total + sizes[last] <= most):
            total += sizes[last]
            last += 1
        if last < len(units):
            whole = last
            while whole > first and units[whole].segment == units[whole - 1].segment:
                whole -= 1
            last = whole if whole > first else last
        windows.append(list(units[first:last]))
        first = last
    return windows


def group_units(units: Sequence[WordUnit], size: int, most: int | None) -> list[WordUnit]:
    """Neighbouring words of one segment as one unit: ``size`` at a time, more where that makes over ``most``.

    Blocks and the marks that end sentences stay alone; ``most`` does not count marks, and cannot be met where
    there are more segments.
    """
    runs = [list(run) for _, run in groupby(units, key=lambda u: (u.segment, u.kind))]
    words = [len(run) for run in runs if run[0].kind == "word"]
    others = sum(len(run) for run in runs if run[0].kind == "block")
    longest = max(words, default=1)
    while most is not None and size < longest and sum(-(-n // size) for n in words) + others > most:
        size += 1
    groups: list[WordUnit] = []
    for run in runs:
        step = size if run[0].kind == "word" else 1
        for at in range(0, len(run), step):
            part = run[at : at + step]
            groups.append(WordUnit(part[0].start, part[-1].end, run[0].kind, run[0].segment))
    return groups


def without(text: str, start: int, end: int) -> str:
    """A text as it reads without ``text[start:end]``: what is left, joined by a blank."""
    return " ".join(part for part in (text[:start].strip(), text[end:].strip()) if part)
