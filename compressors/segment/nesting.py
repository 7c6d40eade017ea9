"""Brackets within which a sentence does not end."""

from __future__ import annotations

import re
from bisect import bisect_left

from .chars import is_continua

__all__ = ["Nesting"]

_PAIRS = {
    "「": "」",
    "『": "』",
    "（": "）",
    "《": "》",
    "〈": "〉",
    "【": "】",
    "(": ")",
    "[": "]",
    "“": "”",
}
_CLOSING = {close: open_ for open_, close in _PAIRS.items()}
_BRACKET = re.compile("[" + re.escape("".join(_PAIRS) + "".join(_CLOSING)) + "]")
_LONGEST = 300  # characters; a longer pair holds whole sentences worth cutting
_BEGINNING = re.compile(r"[.!?…。！？．।؟\"”’»)\]」』）]")


class Nesting:
    """The bracketed stretches of one paragraph, only the pairs that are closed again."""

    def __init__(self, text: str, start: int, end: int) -> None:
        stack: list[tuple[str, int]] = []
        pairs: list[tuple[int, int]] = []
        for match in _BRACKET.finditer(text, start, end):
            char = match.group()
            if char in _PAIRS:
                stack.append((char, match.start()))
            elif stack and stack[-1][0] == _CLOSING[char]:
                first = stack.pop()[1]
                if match.end() - first <= _LONGEST and _holds_together(text, start, first):
                    pairs.append((first, match.end()))
        self._starts: list[int] = []
        self._ends: list[int] = []
        for first, last in sorted(pairs):
            if not self._ends or first >= self._ends[-1]:
                self._starts.append(first)
                self._ends.append(last)

    def encloses(self, position: int) -> bool:
        """Whether a cut at ``position`` would fall between an opening bracket and its closing one."""
        before = bisect_left(self._starts, position) - 1
        return before >= 0 and position < self._ends[before]


def _holds_together(text: str, start: int, bracket: int) -> bool:
    """Whether a pair is part of the sentence around it.

    Round and square brackets are not where a sentence begins: there they may
    hold several. Curved quotes are only in scripts without blanks: elsewhere
    direct speech is divided like any other text.
    """
    if text[bracket] == "“":
        return is_continua(text[bracket + 1])
    if text[bracket] not in "(（[":
        return True
    before = text[max(start, bracket - 8) : bracket].rstrip()
    return bool(before) and _BEGINNING.fullmatch(before[-1]) is None
