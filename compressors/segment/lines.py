"""Lines of a text, as block structure sees them."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Line", "read_lines"]

_BREAK = re.compile("\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
_QUOTED = re.compile(r" ?(?:>[ \t]?)++(?!>)")
_LONGEST = 1000  # characters of a line that structure is looked for in
_INDENT = re.compile(r"[ \t]*")


class Line(NamedTuple):
    """One line without its line break.

    ``body`` is the line without the ``>`` of a block quotation, without
    indentation and without white space at its end, cut after 1000 characters; ``indent`` is the
    indentation in columns (tabs reach to the next multiple of 4); ``blank``
    lines hold nothing but white space.
    """

    start: int
    end: int
    indent: int
    body: str
    quoted: bool

    @property
    def blank(self) -> bool:
        """Whether the line separates paragraphs."""
        return not self.body and not self.quoted


def read_lines(text: str) -> list[Line]:
    """All lines in order; together with the breaks between them they are the text."""
    lines: list[Line] = []
    start = 0
    for match in _BREAK.finditer(text):
        lines.append(_line(text, start, match.start()))
        start = match.end()
    lines.append(_line(text, start, len(text)))
    return lines


def _line(text: str, start: int, end: int) -> Line:
    content = text[start:end].rstrip()
    if not content:
        return Line(start, end, 0, "", False)
    quote = None if content.startswith(">>>") else _QUOTED.match(content)
    if quote:
        content = content[quote.end() :]
    gap = _INDENT.match(content)
    lead = gap.group() if gap else ""
    indent = len(lead.expandtabs(4))
    return Line(start, end, indent, content[len(lead) : len(lead) + _LONGEST], quote is not None)
