"""Headings and rules: ATX and setext (CommonMark), reStructuredText sections, wiki headings."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .lines import Line
from .markers import marker_of

__all__ = ["heading_end", "is_atx", "is_rule", "underlines"]

_ATX = re.compile(r"#{1,6}[ \t]+\S|={2,6}[ \t]?[^=\s].*[^=\s][ \t]?={2,6}$|-\[ .* \]-$")
_RULE = re.compile(r"([^\w\s])\1{2,}+$|(?:[*_-][ \t]*+){3,}+$")
_LONGEST_TITLE = 200


def is_atx(line: Line) -> bool:
    """Whether a line is a heading by its own marks: ``# Title``, ``== Title ==``, ``-[ Title ]-``."""
    return line.indent < 4 and line.body[0] in "#=-" and _ATX.match(line.body) is not None


def is_rule(line: Line) -> bool:
    """Whether a line is nothing but one punctuation mark, three times or more (a rule or an underline)."""
    body = line.body
    return len(body) > 2 and not body[0].isalnum() and body[0] in body[1:3] and _RULE.match(body) is not None


def underlines(line: Line, title: Line) -> bool:
    """Whether a line is the underline of ``title``."""
    body, width = line.body, len(title.body)
    if len(body) < 3 or not is_rule(line) or " " in body or title.indent > 3 or width > _LONGEST_TITLE:
        return False
    return body[0] in "=-" or (len(body) >= width and body[0] in "~^\"'*+#:._`<>")


def heading_end(lines: Sequence[Line], index: int) -> int:
    """The line behind the heading that begins on line ``index``; ``index`` itself where none does."""
    line = lines[index]
    if is_atx(line):
        return index + 1
    after = lines[index + 1] if index + 1 < len(lines) else None
    if after is None or not after.body:
        return index
    if is_rule(line):
        closing = lines[index + 2] if index + 2 < len(lines) else None
        overlined = closing and closing.body == line.body and " " not in line.body and not is_rule(after)
        return index + 3 if overlined and len(after.body) <= len(line.body) else index
    marker = marker_of(line)
    titled = marker is None or marker.kind in {"number", "letter.", "chinese"}
    return index + 2 if titled and underlines(after, line) else index
