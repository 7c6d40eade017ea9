"""What a heading says, and how deep it stands."""

from __future__ import annotations

import re

__all__ = ["UNMARKED", "HeadingLevels"]

UNMARKED = 7
"""The level of a heading without marks: below all that have some."""

_ATX = re.compile(r"\s{0,3}(#{1,6})(?:\s+(.*?))?(?:\s+#+)?\s*$", re.DOTALL)
_WIKI = re.compile(r"[ \t]*(={2,6})[ \t]*([^=\s].*?)[ \t]*={2,6}\s*$")
_RUBRIC = re.compile(r"[ \t]*-\[ (.*) \]-\s*$")
_RULE = re.compile(r"\s*([^\w\s])\1+\s*$")
_ANY_ATX = re.compile(r"^ {0,3}#{1,6}[ \t]+\S", re.MULTILINE)
_SETEXT = {"=": 1, "-": 2}


class HeadingLevels:
    """Reads the headings of one text, in their order.

    Levels, 1 outermost: the number of ``#`` or, in wikis, ``==``; of underlined headings, ``=`` is 1 and
    ``-`` is 2 in a text that has ``#`` headings, and elsewhere each character's level is the order
    in which it first appears.

    Source: CommonMark (ATX and setext headings); reStructuredText (sections).
    """

    def __init__(self, text: str) -> None:
        self._marks = dict(_SETEXT) if _ANY_ATX.search(text) else {}

    def read(self, heading: str) -> tuple[int, str]:
        """Level and words of a segment of kind ``heading``, its marks and underline included."""
        if found := _ATX.match(heading):
            return len(found[1]), " ".join((found[2] or "").split())
        if found := _WIKI.match(heading):
            return len(found[1]), found[2]
        if found := _RUBRIC.match(heading):
            return UNMARKED, found[1]
        words, level = [], UNMARKED
        for line in heading.splitlines():
            if rule := _RULE.match(line):
                level = self._marks.setdefault(rule[1], len(self._marks) + 1)
            else:
                words += line.split()
        return level, " ".join(words)
