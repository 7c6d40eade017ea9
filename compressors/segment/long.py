"""Dividing a sentence that is too long, where it hurts least."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import chain

from .atoms import Atoms
from .chars import CLOSERS, HARD, NO_START, SOFT, is_continua, trim
from .graphemes import Graphemes

__all__ = ["divide"]

_close = f"[{re.escape(CLOSERS)}]*+"
_MARKS = re.compile(
    rf"(?P<end>[{re.escape(SOFT + HARD)}]++{_close})"
    rf"|(?P<clause>[;:–—؛；：]++{_close})"
    rf"|(?P<comma>[,၊、，،]++{_close})"
    r"|(?P<blank>\s++)"
)
_NEEDS_BLANK = re.compile(rf"[{re.escape(SOFT)};:–,၊]")
_RANKS = {"end": 0, "clause": 1, "comma": 2, "blank": 3}
_FAR = 0.5  # a piece may be this much shorter than even pieces would be, for a better cut
_NO_START = re.compile(f"[{NO_START}]")
_NO_END = "「『（《〈【〔｛［“‘" + "เแโใไເແໂໃໄ"  # Thai and Lao vowels written before their consonant
_NUMERALS = "〇零一二三四五六七八九十百千万萬亿億兆两兩"


def divide(
    text: str, start: int, end: int, max_chars: int, graphemes: Graphemes
) -> Iterator[tuple[int, int]]:
    """Divides ``text[start:end]`` into pieces of at most ``max_chars`` characters, where that can be.

    Cuts are made at inner sentence ends, else clause marks, else commas, else
    white space, else, in scripts without blanks, between graphemes; each time
    as near to even pieces as the window allows. Words, numbers, dates,
    identifiers and inline code longer than ``max_chars`` stay whole.
    """
    if end - start <= max_chars:
        yield start, end
        return
    cuts = _Cuts(text, start, end, graphemes)
    while end - start > max_chars:
        cut = cuts.best(start, max_chars)
        if cut >= end:
            break
        yield trim(text, start, cut)
        start, _ = trim(text, cut, end)
    yield start, end


class _Cuts:
    """The possible cuts of one sentence, by position."""

    def __init__(self, text: str, start: int, end: int, graphemes: Graphemes) -> None:
        self._text, self._end, self._graphemes = text, end, graphemes
        self._atoms = Atoms(text, start, end, spaced=True)
        self._positions: list[int] = []
        self._rank: list[int] = []
        for match in _MARKS.finditer(text, start, end):
            kind = match.lastgroup or "blank"
            position = match.start() if kind == "blank" else match.end()
            if (
                kind != "blank"
                and _NEEDS_BLANK.match(match.group())
                and not text[position : position + 1].isspace()
            ):
                continue
            if start < position < end and self._allowed(position):
                self._positions.append(position)
                self._rank.append(_RANKS[kind])

    def _allowed(self, position: int) -> bool:
        """Whether no word, number, grapheme or other unbreakable stretch is cut here."""
        text = self._text
        begin, _ = trim(text, position, self._end)
        if begin >= self._end or not self._atoms.may_cut(position):
            return False
        if begin == position:  # no blank: the mark itself must not join two parts of one token
            back = position - 1
            while back > 0 and not (text[back].isalnum() or text[back].isspace()) and position - back < 8:
                back -= 1
            if text[back].isdigit() and text[position].isdigit():
                return False
            if _NO_START.match(text[position]) or text[position] in CLOSERS:
                return False
        return self._graphemes.may_cut(position) and self._graphemes.may_cut(begin)

    def best(self, start: int, max_chars: int) -> int:
        """Where to end the piece that begins at ``start``; the sentence's end where no cut is left."""
        rest = self._end - start
        ideal = start + rest / -(-rest // max_chars)
        lowest = start + (ideal - start) * _FAR
        first = bisect_right(self._positions, lowest)
        last = bisect_right(self._positions, start + max_chars)
        if first < last:
            return self._positions[
                min(range(first, last), key=lambda i: (self._rank[i], abs(self._positions[i] - ideal)))
            ]
        middle = int(ideal)
        for position in chain(range(middle, start, -1), range(middle + 1, start + max_chars + 1)):
            if self._between_letters(position):
                return position
        early = bisect_right(self._positions, start)
        if early < last:
            return self._positions[last - 1]
        beyond = self._positions[last] if last < len(self._positions) else self._end
        for position in range(start + max_chars + 1, beyond):
            if self._between_letters(position):
                return position
        return beyond

    def _between_letters(self, position: int) -> bool:
        """Whether a cut here falls between two letters of a script without blanks."""
        before, after = self._text[position - 1], self._text[position]
        if not is_continua(after) or _NO_START.match(after) or before in _NO_END:
            return False
        if not is_continua(before) and (before.isascii() or before.isalnum()):
            return False
        if before in _NUMERALS and after in _NUMERALS:
            return False
        return self._atoms.may_cut(position) and self._graphemes.may_cut(position)
