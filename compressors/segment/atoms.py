"""Stretches that hold blanks and yet must stay in one piece: inline code, dates, spaced numbers."""

from __future__ import annotations

import re
from bisect import bisect_left

from .words import BEFORE_NUMBERS, MONTHS

__all__ = ["Atoms"]

_LONGEST_CODE = 200  # a pair of backticks further apart is more likely two strays than code
_TICKS = re.compile(r"`+")
_month = "|".join(sorted(MONTHS, key=len, reverse=True))
_numbered = "|".join(sorted(BEFORE_NUMBERS, key=len, reverse=True))
_n = r"[\d〇零一二三四五六七八九十百千]"
_SPACED = re.compile(
    rf"\b\d{{1,2}}(?:st|nd|rd|th|er|º|\.)?\s(?:de\s|of\s)?(?:{_month})\b\.?(?:,?\s(?:de\s|del\s)?\d{{4}}\b)?"
    rf"|\b(?:{_month})\b\.?\s\d{{1,2}}(?:st|nd|rd|th)?\b(?:,?\s\d{{4}}\b)?"
    rf"|\b(?:{_month})\b\.?\s\d{{4}}\b"
    rf"|\b(?:{_numbered})\.\s?\d+(?:\.\d+)*+"
    r"|\b\d{1,3}(?:[ \u00a0\u202f\u2009]\d{3}){1,5}\b"
    r"|\b\d{1,2}(?:[:.]\d{2})?\s(?:[ap]\.m\.|[AP]M\b|Uhr\b)"
    rf"|(?<!{_n}){_n}++\s?年(?:\s?{_n}++\s?月(?:\s?{_n}++\s?日)?)?|(?<!{_n}){_n}++\s?月\s?{_n}++\s?日"
    r"|(?<![\d.,:/])\d[\d.,:/]*+\s(?:[kKMGT]?[bB]|[kmcµn]?m|[km]?g|[kM]?Hz|%|°[CF]|€|\$|£)(?!\w)"
)


class Atoms:
    """The unbreakable stretches of ``text[start:end]``.

    Inline code is looked for always, dates and numbers only with ``spaced``:
    between sentences nothing but inline code can be cut, since the others
    hold no terminator that ends a sentence.
    """

    def __init__(self, text: str, start: int, end: int, *, spaced: bool) -> None:
        found = _inline_code(text, start, end)
        if spaced:
            found += [match.span() for match in _SPACED.finditer(text, start, end)]
        merged: list[tuple[int, int]] = []
        for first, last in sorted(found):
            if merged and first < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], last))
            else:
                merged.append((first, last))
        self._starts = [first for first, _ in merged]
        self._ends = [last for _, last in merged]

    def may_cut(self, position: int) -> bool:
        """Whether a cut at ``position`` leaves every stretch whole."""
        before = bisect_left(self._starts, position) - 1
        return before < 0 or position >= self._ends[before]


def _inline_code(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Pairs of equally long runs of backticks that hug what they enclose."""
    if text.find("`", start, end) < 0:
        return []
    runs = [match.span() for match in _TICKS.finditer(text, start, end)]
    closer: dict[int, int] = {}  # length of a run -> index of the next run that can close it
    partner: list[int | None] = [None] * len(runs)
    for index in range(len(runs) - 1, -1, -1):
        first, last = runs[index]
        partner[index] = closer.get(last - first)
        hugs_left = first > start and not text[first - 1].isspace()
        if hugs_left and not (last < end and (text[last].isalnum() or text[last] == "_")):
            closer[last - first] = index
    found, index = [], 0
    while index < len(runs):
        match, (first, last) = partner[index], runs[index]
        opens = last < end and not text[last].isspace() and not (first > start and text[first - 1].isalnum())
        if match is not None and opens and runs[match][1] - first <= _LONGEST_CODE:
            found.append((first, runs[match][1]))
            index = match
        index += 1
    return found
