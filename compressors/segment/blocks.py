"""The blocks of a text: what Markdown, reStructuredText and plain text show by their lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .codelike import code_end
from .enclosed import directive_end, fence_end, fence_of
from .headings import heading_end, is_atx, is_rule, underlines
from .lines import Line
from .markers import Marker, marker_of
from .tables import Tables
from .types import Kind

__all__ = ["Block", "find_blocks"]


class Block(NamedTuple):
    """Lines ``first`` to ``last`` (exclusive); ``sentence`` is a paragraph, still to be divided."""

    kind: Kind
    first: int
    last: int


def find_blocks(lines: Sequence[Line]) -> list[Block]:
    """All blocks in order; every line that is not blank lies in exactly one."""
    return _Reader(lines).read()


class _Reader:
    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        self._tables = Tables(lines)
        self._blocks: list[Block] = []
        self._base = 0  # indentation of the prose read last
        self._after_blank = True
        self._item: Marker | None = None  # the list that is open
        self._no_code = range(0)  # lines found to be no code, all but the first of their paragraph

    def read(self) -> list[Block]:
        index = 0
        while index < len(self._lines):
            line = self._lines[index]
            if line.blank:
                self._after_blank = True
                index += 1
                continue
            index = self._block(index)
            self._after_blank = False
        return self._blocks

    def _block(self, index: int) -> int:
        line = self._lines[index]
        if not line.body:  # a lone ">"
            return self._add("sentence", index, index + 1)
        end = fence_end(self._lines, index)
        if end > index:
            return self._add("code", index, end)
        kind, end = directive_end(self._lines, index)
        if end > index:
            return self._add(kind, index, end)
        end = self._tables.end_of(index)
        if end > index:
            return self._add("table", index, end)
        end = self._heading(index)
        if end > index:
            self._base, self._item = 0, None
            return self._add("heading", index, end)
        if is_rule(line) and not line.indent > self._base + 1:
            return self._add("sentence", index, index + 1)
        marker = marker_of(line)
        if marker and self._is_item(index, marker):
            return self._list_item(index, marker)
        end = self._code(index)
        if end > index:
            return self._add("code", index, end)
        if is_rule(line):
            return self._add("sentence", index, index + 1)
        return self._paragraph(index)

    def _add(self, kind: Kind, first: int, last: int) -> int:
        self._blocks.append(Block(kind, first, last))
        return last

    def _heading(self, index: int) -> int:
        end, line = heading_end(self._lines, index), self._lines[index]
        # A comment at the head of indented code looks like an ATX heading.
        if end > index and line.indent - self._base >= 2 and self._after_blank and self._code(index) > index:
            return index
        return end

    def _is_item(self, index: int, marker: Marker) -> bool:
        """Whether a line at the beginning of a block really is a list item."""
        if marker.kind != "letter.":
            return marker.kind not in "+–·" or self._after_blank or self._item is not None
        if self._item and marker.follows(self._item):
            return True
        for line in self._lines[index + 1 : index + 20]:
            other = marker_of(line)
            if other and other.kind == marker.kind and other.indent == marker.indent:
                return other.label != marker.label and other.follows(marker)
        return False

    def _interrupts(self, index: int, marker: Marker) -> bool:
        """Whether a line in the middle of a paragraph begins a list, and is no wrapped dash or initial."""
        if marker.kind == "letter.":
            return marker.label in "aA" and self._is_item(index, marker)
        if not marker.begins_list:
            return False
        before, line = self._lines[index - 1].body, self._lines[index]
        after = self._lines[index + 1] if index + 1 < len(self._lines) else None
        wrapped = marker.kind == "-" and before[-1:].islower() and line.body[2:].lstrip()[:1].islower()
        return not wrapped or (after is not None and after.body[:2] == "- ")

    def _list_item(self, index: int, marker: Marker) -> int:
        """An item: its lines, and the paragraphs indented like its text behind it."""
        self._item, self._base = marker, marker.content
        end = self._text_end(index + 1, marker)
        while True:
            following = end
            while following < len(self._lines) and self._lines[following].blank:
                following += 1
            if following in (end, len(self._lines)) or not self._continues(following, marker):
                return self._add("item", index, end)
            end = self._text_end(following + 1, marker)

    def _continues(self, index: int, marker: Marker) -> bool:
        line = self._lines[index]
        if line.indent < min(marker.content, marker.indent + 4) or line.indent <= marker.indent:
            return False
        if fence_of(line) or marker_of(line) or is_rule(line) or self._tables.end_of(index) > index:
            return False
        return self._code(index) == index

    def _code(self, index: int) -> int:
        line = self._lines[index]
        before = ""
        if self._blocks:
            before = self._lines[self._blocks[-1].last - 1].body
        if self._item and line.indent <= self._item.indent:
            self._base = line.indent
        if not self._after_blank and not line.body.startswith(">>>") and line.indent > self._base + 1:
            return index
        if index in self._no_code and not line.body.startswith(">>>"):
            return index
        end, looked = code_end(
            self._lines,
            index,
            self._base,
            announced=before.endswith(":"),
            literal=before.endswith("::") and before[:3] != ".. ",
        )
        if end == index:
            self._no_code = range(index + 1, looked)
        return end

    def _paragraph(self, index: int) -> int:
        line = self._lines[index]
        self._base = line.indent
        if self._item and line.indent <= self._item.indent:
            self._item = None
        return self._add("sentence", index, self._text_end(index + 1, None))

    def _text_end(self, index: int, item: Marker | None) -> int:
        """The line behind a paragraph of which line ``index - 1`` is part."""
        while index < len(self._lines):
            line = self._lines[index]
            if not line.body:
                return index
            if fence_of(line) or is_atx(line) or is_rule(line) or line.body.startswith(">>> "):
                return index
            after = self._lines[index + 1] if index + 1 < len(self._lines) else None
            if after and len(after.body) >= len(line.body) and underlines(after, line):
                return index
            marker = marker_of(line)
            if marker and (marker.follows(item) if item else self._interrupts(index, marker)):
                return index
            if self._tables.end_of(index) > index:
                return index
            index += 1
        return index
