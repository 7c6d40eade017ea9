"""Segmentation into words, for compressors that drop less than a sentence at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .atoms import Atoms
from .chars import CJK_CLOSERS, CLOSERS, HARD, NO_START, SOFT, is_continua
from .graphemes import Graphemes
from .split import split
from .types import Segment

__all__ = ["WordUnit", "split_words"]

_BLANK = re.compile(r"\s+")
_END = re.compile(rf"[{re.escape(SOFT + HARD)}]+[{re.escape(CLOSERS)}]*\Z")
_CLAUSE = re.compile(rf"[、，；：。！？．｡；]+[{re.escape(CJK_CLOSERS)}]*")


@dataclass(frozen=True, slots=True)
class WordUnit:
    """``text[start:end]`` of segment number ``segment`` of :func:`split`; kept or dropped as a whole.

    ``word``: a word, amount, date, identifier, URL or piece of inline code, with its punctuation.
    ``mark``: what ends a sentence (``.``, ``?"``), so that sentences stay apart when their last word goes.
    ``block``: code, a table, a heading or a list item, which are never taken apart.
    """

    start: int
    end: int
    kind: Literal["word", "mark", "block"]
    segment: int


def split_words(text: str) -> list[WordUnit]:
    """Divides a text into whole words, in order and without overlap; no other character than white
    space lies between them.

    Scripts written without blanks are divided at clause marks alone: without a dictionary nothing says
    where their words end.

    Raises:
        InvalidInput: ``text`` is no string.
    """
    graphemes = Graphemes(text)
    units: list[WordUnit] = []
    for number, segment in enumerate(split(text)):
        if segment.kind != "sentence":
            units.append(WordUnit(segment.start, segment.end, "block", number))
            continue
        code = Atoms(text, segment.start, segment.end, spaced=False)
        pieces = list(_pieces(text, segment, code, graphemes))
        start, end = pieces[-1]
        mark = _END.search(text, start, end)
        if (
            mark
            and mark.start() > start
            and code.may_cut(mark.start())
            and not _abbreviates(text[start : mark.start()])
        ):
            pieces[-1] = (start, mark.start())
            units += [WordUnit(*piece, "word", number) for piece in pieces]
            units.append(WordUnit(mark.start(), end, "mark", number))
        else:
            units += [WordUnit(*piece, "word", number) for piece in pieces]
    return units


def _pieces(text: str, segment: Segment, code: Atoms, graphemes: Graphemes) -> Iterator[tuple[int, int]]:
    atoms = Atoms(text, segment.start, segment.end, spaced=True)
    start = segment.start
    for blank in _BLANK.finditer(text, segment.start, segment.end):
        first, last = blank.span()
        if all(atoms.may_cut(at) and graphemes.may_cut(at) for at in (first, last)):
            yield from _clauses(text, start, first, code, graphemes)
            start = last
    yield from _clauses(text, start, segment.end, code, graphemes)


def _clauses(text: str, start: int, end: int, code: Atoms, graphemes: Graphemes) -> Iterator[tuple[int, int]]:
    for mark in _CLAUSE.finditer(text, start, end):
        cut = mark.end()
        if (
            start < mark.start()
            and cut < end
            and is_continua(text[cut])
            and text[cut] not in NO_START
            and code.may_cut(cut)
            and graphemes.may_cut(cut)
        ):
            yield start, cut
            start = cut
    yield start, end


def _abbreviates(word: str) -> bool:
    # The stop of "U.S." or of "v2.0.1." may belong to the word itself.
    return "." in word and not word.replace(".", "").isdigit()
