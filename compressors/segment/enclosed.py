"""Blocks that say where they end: code fences, front matter, directives of reStructuredText."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .lines import Line
from .types import Kind

__all__ = ["directive_end", "fence_end", "fence_of"]

_FENCE = re.compile(r"(?:(?:[-*+]|\d{1,3}[.)])[ \t]+)?(?:(`{3,})[^`]*|(~{3,}).*)$")
_DIRECTIVE = re.compile(
    r"\.\. (?:[\w-]+:)?(code-block|sourcecode|code|parsed-literal|prompt|doctest|testcode|math|productionlist"
    r"|highlight|list-table|csv-table|table|graphviz|mermaid)::"
)
_YAML = re.compile(r"[\w-]+:(?:\s|$)|- |#")
_FRONT_MATTER = 100  # lines


def fence_of(line: Line) -> str:
    """The run of backticks or tildes that opens a code fence on this line, or ``""``."""
    if "```" not in line.body and "~~~" not in line.body:
        return ""
    match = _FENCE.match(line.body)
    return (match.group(1) or match.group(2)) if match else ""


def fence_end(lines: Sequence[Line], index: int) -> int:
    """The line behind the fenced code (or front matter) that begins on line ``index``; else ``index``.

    A fence that is never closed reaches to the end of the text, or of the
    block quotation it stands in (CommonMark, section 4.5).
    """
    line = lines[index]
    fence = fence_of(line)
    if not fence:
        return _front_matter_end(lines) if index == 0 and line.body == "---" else index
    for end in range(index + 1, len(lines)):
        body = lines[end].body
        if line.quoted and not lines[end].quoted:
            return end
        if len(body) >= len(fence) and body == fence[0] * len(body):
            return end + 1
    return len(lines)


def _front_matter_end(lines: Sequence[Line]) -> int:
    """YAML between two ``---`` at the very beginning."""
    for end in range(1, min(len(lines), _FRONT_MATTER)):
        line = lines[end]
        if line.body in {"---", "..."}:
            return end + 1 if end > 1 else 0
        if not (_YAML.match(line.body) or line.indent):
            break
    return 0


def directive_end(lines: Sequence[Line], index: int) -> tuple[Kind, int]:
    """Kind and end of a directive whose body is no prose, body included; the end is ``index`` otherwise."""
    line = lines[index]
    match = _DIRECTIVE.match(line.body) if line.body.startswith("..") else None
    if not match:
        return "code", index
    end = body = index + 1
    while body < len(lines) and (lines[body].blank or lines[body].indent > line.indent):
        body += 1
        if not lines[body - 1].blank:
            end = body
    return ("table" if "table" in match.group(1) else "code"), end
