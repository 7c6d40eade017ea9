"""A segment larger than a chunk, cut into pieces that fit."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from ...compressors.segment import split

__all__ = ["Piece", "cut"]


@dataclass(frozen=True, slots=True)
class Piece:
    """``text[start:end]``, without blanks around it (but for a first line's indentation), and its tokens."""

    start: int
    end: int
    tokens: int


_FILL = 0.85  # of the limit: places to cut are chosen by length, and tokens are not spread evenly
_WORD = re.compile(r"\S+")
_LINE = re.compile(r"[^\n]*\S[^\n]*")
_WHOLE = re.compile(r".+", re.DOTALL)


def cut(
    text: str, piece: Piece, count: Callable[[str], int], *, limit: int, room: int, lines: bool
) -> list[Piece]:
    """``piece`` as pieces of at most ``limit`` tokens, the first one of at most ``room``.

    ``lines``: cut at line ends, and inside lines only where one alone is too large; otherwise at blanks
    throughout. A "word" that is too large is cut where segmentation allows it (scripts without blanks), else
    it stays whole and exceeds. Each character is counted a few times, however many pieces there are.
    """
    if piece.tokens <= room:
        return [piece]
    steps = (_LINE, _WORD, _WHOLE) if lines else (_WORD, _WHOLE)
    pieces = list(_cut(text, piece, count, limit, steps))
    if pieces[0].tokens > room:
        pieces[:1] = _cut(text, pieces[0], count, room, steps)
    return pieces


def _cut(
    text: str, piece: Piece, count: Callable[[str], int], limit: int, steps: tuple[re.Pattern[str], ...]
) -> Iterator[Piece]:
    if not steps or piece.tokens <= limit:
        yield piece
        return
    if steps[0] is _WHOLE:
        spans = _segments(text, piece, limit)
    else:
        spans = [found.span() for found in steps[0].finditer(text, piece.start, piece.end)]
    # Ranges of spans still too large, on a stack: the last one first.
    todo = [(0, len(spans), piece.tokens)]
    while todo:
        first, last, tokens = todo.pop()
        one = Piece(spans[first][0], spans[last - 1][1], tokens)
        if tokens <= limit:
            yield one
        elif last - first == 1:
            yield from _cut(text, one, count, limit, steps[1:])
        else:
            edges = [first, *_places(spans, first, last, int(tokens / (_FILL * limit)) + 1), last]
            for a, b in reversed(list(pairwise(edges))):
                todo.append((a, b, count(text[spans[a][0] : spans[b - 1][1]])))


def _places(spans: list[tuple[int, int]], first: int, last: int, wanted: int) -> list[int]:
    """Before which of ``spans[first:last]`` to cut, for about ``wanted`` parts of equal length; at least one.

    A span longer than a part gets a part of its own, so that it is not counted over and over.
    """
    start, end = spans[first][0], spans[last - 1][1]
    step = (end - start) / max(2, wanted)
    places: list[int] = []
    for number in range(1, max(2, wanted)):
        after = bisect_left(spans, start + step * number, key=lambda span: span[0])
        before = after - 1 if spans[after - 1][1] - spans[after - 1][0] > step else after
        for place in (before, after):
            if first < place < last and (not places or place > places[-1]):
                places.append(place)
    return places or [last - 1]


def _segments(text: str, piece: Piece, limit: int) -> list[tuple[int, int]]:
    most = max(1, int((piece.end - piece.start) * _FILL * limit / piece.tokens))
    segments = split(text[piece.start : piece.end], max_chars=most)
    return [(piece.start + segment.start, piece.start + segment.end) for segment in segments]
