"""A document's text cut into chunks of whole segments, for the index."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from ...compressors.segment import Segment, split
from ...errors import InvalidInput
from .chunking_cut import Piece, cut
from .chunking_headings import HeadingPath

__all__ = ["ChunkPiece", "chunk_document"]


@dataclass(frozen=True, slots=True)
class ChunkPiece:
    """``text[start:end]`` of a document. ``meta["headings"]``: those it stands under, outermost first."""

    start: int
    end: int
    title: str
    meta: dict[str, Any] = field(default_factory=dict)


# What kind of boundary lies before a unit; higher is better to break at.
_INSIDE, _PARAGRAPH, _SECTION = 0, 1, 2


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is never parted: a segment (or a piece of one too large) with the headings right above it.

    ``gap``: tokens of the blanks before it, which count where it is not the first of its chunk.
    """

    start: int
    end: int
    tokens: int
    gap: int
    boundary: int
    headings: tuple[str, ...]


def chunk_document(
    text: str, title: str, *, counter: Callable[[str], int], max_tokens: int = 200
) -> list[ChunkPiece]:
    """Chunks of ``text`` in order, every non-blank character in exactly one of them.

    Segments are packed up to ``max_tokens``, counted by ``counter`` (the embedding model's tokens; what it
    counts for the empty string, such as start and end marks, is counted once a chunk). Where a section
    begins, a chunk that is at least half full ends; where a chunk overflows, it ends at its last paragraph
    boundary in the upper half, if there is one. A heading goes with what follows it.

    Nothing is cut inside a segment unless it is larger than ``max_tokens`` together with the headings right
    above it: then code and tables are cut at line ends, everything else at blanks, and between characters in
    scripts that have none. A single huge word is not cut: its chunk (it alone, with the headings above it)
    exceeds ``max_tokens``. Of a run of headings without text (a table of contents) only the last ones, up to
    half a chunk, are held to what follows.

    Each segment is counted once and the counts added, so ``max_tokens`` holds for every counter that counts
    a whole as no more than its parts. Raises InvalidInput for a ``max_tokens`` without room for text.
    """
    base = counter("")
    limit = max_tokens - base
    if limit < 1:
        raise InvalidInput(
            f"max_tokens={max_tokens} leaves no room for text", hint=f"give at least {base + 1}"
        )
    count = _Counter(counter, base)
    units = _units(text, split(text), count, limit)
    return [
        ChunkPiece(chunk[0].start, chunk[-1].end, title, {"headings": list(chunk[0].headings)})
        for chunk in _pack(units, limit)
    ]


class _Counter:
    """Tokens without the marks that the tokenizer adds; blanks, which are few kinds, are remembered."""

    def __init__(self, counter: Callable[[str], int], base: int) -> None:
        self._counter = counter
        self._base = base
        self._gaps: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        return max(0, self._counter(text) - self._base)

    def gap(self, blanks: str) -> int:
        if blanks not in self._gaps:
            self._gaps[blanks] = self(blanks)
        return self._gaps[blanks]


def _units(text: str, segments: Iterable[Segment], count: _Counter, limit: int) -> Iterator[_Unit]:
    path = HeadingPath(text)
    waiting: list[Piece] = []  # headings, until what follows them is seen
    last_end = 0

    def unit(pieces: list[Piece], boundary: int) -> _Unit:
        nonlocal last_end
        start, end = pieces[0].start, pieces[-1].end
        blanks = text[last_end:start]
        tokens = _total(text, pieces, count)
        if boundary == _INSIDE and blanks.count("\n") > 1:
            boundary = _PARAGRAPH
        last_end = end
        return _Unit(start, end, tokens, count.gap(blanks), boundary, path.now)

    for segment in segments:
        piece = Piece(segment.start, segment.end, count(text[segment.start : segment.end]))
        if segment.kind == "heading" and piece.tokens <= limit:
            waiting.append(piece)
            continue
        held = _held(text, waiting, count, limit // 2)
        for loose in waiting[: len(waiting) - len(held)]:
            path.enter(text[loose.start : loose.end])
            yield unit([loose], _SECTION)
        for heading in held:
            path.enter(text[heading.start : heading.end])
        boundary = _SECTION if held else _INSIDE
        if segment.kind == "heading":
            path.enter(text[segment.start : segment.end])
            boundary = _SECTION
        blanks = count.gap(text[held[-1].end : piece.start]) if held else 0
        room = limit - _total(text, held, count) - blanks
        lines = segment.kind in ("code", "table")
        first, *rest = cut(text, piece, count, limit=limit, room=max(1, room), lines=lines)
        yield unit([*held, first], boundary)
        for part in rest:
            yield unit([part], _INSIDE)
        waiting = []
    for loose in waiting:
        path.enter(text[loose.start : loose.end])
        yield unit([loose], _SECTION)


def _total(text: str, pieces: list[Piece], count: _Counter) -> int:
    gaps = sum(count.gap(text[a.end : b.start]) for a, b in pairwise(pieces))
    return gaps + sum(piece.tokens for piece in pieces)


def _held(text: str, headings: list[Piece], count: _Counter, most: int) -> list[Piece]:
    """The last of ``headings`` that together take at most ``most`` tokens."""
    held: list[Piece] = []
    tokens = 0
    for heading in reversed(headings):
        blanks = count.gap(text[heading.end : held[0].start]) if held else 0
        tokens += heading.tokens + blanks
        if tokens > most:
            break
        held.insert(0, heading)
    return held


def _pack(units: Iterable[_Unit], limit: int) -> Iterator[list[_Unit]]:
    chunk: list[_Unit] = []
    tokens = 0
    for unit in units:
        if chunk and unit.boundary == _SECTION and 2 * tokens >= limit:
            yield chunk
            chunk, tokens = [], 0
        while chunk and tokens + unit.gap + unit.tokens > limit:
            at = _break(chunk, unit, limit)
            yield chunk[:at]
            chunk = chunk[at:]
            tokens = _size(chunk)
        tokens += unit.tokens + (unit.gap if chunk else 0)
        chunk.append(unit)
    if chunk:
        yield chunk


def _size(chunk: list[_Unit]) -> int:
    return sum(unit.tokens for unit in chunk) + sum(unit.gap for unit in chunk[1:])


def _break(chunk: list[_Unit], following: _Unit, limit: int) -> int:
    """How many units of an overflowing chunk to keep: up to its best boundary in the upper half, the later
    the better."""
    best, rank, tokens = len(chunk), following.boundary, _size(chunk)
    for at in range(len(chunk) - 1, 0, -1):
        tokens -= chunk[at].tokens + chunk[at].gap
        if 2 * tokens < limit:
            break
        if chunk[at].boundary > rank:
            best, rank = at, chunk[at].boundary
    return best
