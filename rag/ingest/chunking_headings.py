"""Under which headings a place of a document stands."""

from __future__ import annotations

import re

__all__ = ["HeadingPath"]

_ATX = re.compile(r"\s{0,3}(#{1,6})(?:\s+(.*?))?(?:\s+#+)?\s*$", re.DOTALL)
_WIKI = re.compile(r"\s*(={2,6})\s*([^=\s].*?)\s*={2,6}\s*$")
_RUBRIC = re.compile(r"\s*-\[ (.*) \]-\s*$")  # as help() shows headings outside the outline
_RULE = re.compile(r"\s*([^\w\s])\1+\s*$")
_ANY_ATX = re.compile(r"^ {0,3}#{1,6}[ \t]+\S", re.MULTILINE)
_SETEXT = {"=": 1, "-": 2}
_LONGEST = 200
_UNMARKED = 7  # a heading without marks ranks below all that have some


class HeadingPath:
    """The headings in force, outermost first; `enter` each heading in order.

    Levels: the number of ``#`` or, in wikis, ``==``; of underlined headings, ``=`` is 1 and ``-`` is 2 in a
    text that has ``#`` headings, and elsewhere (as reStructuredText defines it) each character's level is the
    order in which it first appears. A heading is kept up to 200 characters.
    """

    def __init__(self, text: str) -> None:
        self._rules: dict[str, int] | None = dict(_SETEXT) if _ANY_ATX.search(text) else None
        self._order: dict[str, int] = {}
        self._stack: list[tuple[int, str]] = []
        self.now: tuple[str, ...] = ()

    def enter(self, heading: str) -> None:
        """``heading``: the heading's source, marks and underline included."""
        level, words = self._parse(heading)
        while self._stack and self._stack[-1][0] >= level:
            self._stack.pop()
        if words:
            self._stack.append((level, words[:_LONGEST]))
        self.now = tuple(words for _, words in self._stack)

    def _parse(self, heading: str) -> tuple[int, str]:
        found = _ATX.match(heading)
        if found:
            return len(found[1]), " ".join((found[2] or "").split())
        if found := _WIKI.match(heading):
            return len(found[1]), found[2]
        if found := _RUBRIC.match(heading):
            return _UNMARKED, found[1]
        lines = [line for line in heading.split("\n") if line.strip()]
        rules = [rule for line in lines if (rule := _RULE.match(line))]
        words = " ".join(" ".join(line for line in lines if not _RULE.match(line)).split())
        return (self._level(rules[-1][1]) if rules else _UNMARKED), words

    def _level(self, mark: str) -> int:
        known = self._order if self._rules is None else self._rules
        return known.setdefault(mark, len(known) + 1)
