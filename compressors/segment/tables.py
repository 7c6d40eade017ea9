"""Tables of all kinds, recognised by their first lines.

Markdown pipe tables (GitHub's specification), reStructuredText grid and
simple tables (docutils' definition), pandoc's simple tables, tables drawn
with box characters, and rows separated by tabs or commas.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from .lines import Line

__all__ = ["Tables"]

_DELIMITER = re.compile(r"\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*+\|?$")
_GRID = re.compile(r"\+(?:[-=]+\+)++$")
_COLUMNS = re.compile(r"(?:={2,}+[ \t]+)++={2,}+$|(?:-{3,}+[ \t]+)++-{3,}+$")
_BOX = re.compile(r"[\u2500-\u257f]")
_COMMAS = re.compile(r'(?:[^\s,"][^,"]*+|"[^"]*+"|)(?:,(?!\s)(?:[^,"]*+|"[^"]*+"))++$')
_GAP = re.compile(r"(?<![.!?:;])[ ]{2,}")


class Tables:
    """Finds tables in the lines of one text."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        self._borders = [index for index, line in enumerate(lines) if _is_columns(line)]
        self._pointer = 0

    def end_of(self, index: int) -> int:
        """The line behind the table that begins on line ``index``; ``index`` itself where none does.

        To be asked in ascending order.
        """
        line = self._lines[index]
        body = line.body
        following = self._lines[index + 1] if index + 1 < len(self._lines) else None
        if body[:2] in {"+-", "+="} and _GRID.match(body):
            return self._while(index, lambda other: other.body[:1] in {"+", "|"})
        if _is_columns(line):
            return self._simple(index)
        if _BOX.match(body):
            end = self._while(index, lambda other: _BOX.search(other.body) is not None)
            return end if end > index + 1 else index
        if "|" in body:
            if (
                following
                and "-" in following.body
                and "|" in following.body
                and _DELIMITER.match(following.body)
            ):
                return self._while(index, lambda other: "|" in other.body)
            if body[0] == "|" and body[-1] == "|" and len(body) > 2 and body.count("|") > 2:
                return self._while(index, lambda other: other.body[:1] == "|")
        if following is None or following.blank:
            return index
        if following and _is_columns(following) and following.body[0] == "-" and "  " in body:
            return self._while(index, lambda other: bool(other.body))
        return self._separated(index)

    def _while(self, index: int, belongs: Callable[[Line], bool]) -> int:
        quoted = self._lines[index].quoted
        while index < len(self._lines):
            line = self._lines[index]
            if not line.body or line.quoted != quoted or not belongs(line):
                break
            index += 1
        return index

    def _simple(self, index: int) -> int:
        """A table between borders: it ends at its third border, or at one with an empty line behind it."""
        while self._pointer < len(self._borders) and self._borders[self._pointer] <= index:
            self._pointer += 1
        for count, border in enumerate(self._borders[self._pointer : self._pointer + 2]):
            behind = self._lines[border + 1] if border + 1 < len(self._lines) else None
            if count or behind is None or behind.blank:
                return border + 1
        return index

    def _separated(self, index: int) -> int:
        """Rows with equally many tabs, commas, or wide gaps between their cells."""
        body = self._lines[index].body
        tabs = body.count("\t")
        if tabs:
            end = self._while(index, lambda other: other.body.count("\t") == tabs)
            return end if end - index >= 2 else index
        commas = body.count(",")
        if commas > 1 and _COMMAS.match(body):
            end = self._while(
                index, lambda other: other.body.count(",") == commas and bool(_COMMAS.match(other.body))
            )
            return end if end - index >= 3 else index
        gaps = len(_GAP.findall(body)) if "  " in body else 0
        if gaps > 1:
            end = self._while(
                index, lambda other: "  " in other.body and len(_GAP.findall(other.body)) == gaps
            )
            return end if end - index >= 3 else index
        return index


def _is_columns(line: Line) -> bool:
    return line.body[:2] in {"==", "--"} and _COLUMNS.match(line.body) is not None
