"""The markers that list items begin with."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .lines import Line
from .words import MONTHS

__all__ = ["Marker", "marker_of"]

_BULLET = re.compile(r"([-*+•‣◦▪●○■⁃∙–·])[ \t\u00a0]+(?=\S)")
_NUMBER = re.compile(r"(?:(\d{1,3})[.)]|\((\d{1,3})\)|#\.)[ \t\u00a0]+(?=(\w*))")
_LETTER = re.compile(
    r"(?:\(([A-Za-z]|[ivx]{1,5})\)|([A-Za-z]|[ivx]{1,5})\)|([A-Za-z]|[ivx]{2,5})\.)[ \t\u00a0]+(?=\S)"
)
_CHINESE = re.compile(
    r"(?:\d{1,3}、|[一二三四五六七八九十]{1,3}、|（[\d一二三四五六七八九十]{1,3}）|[①-⑳])\s*(?=\S)"
)
_FIELD = re.compile(r":[A-Za-z][^:\n]{0,60}:[ \t]+(?=\S)")
_NOTE = re.compile(
    r"(?:\[\^?[\w -]{1,40}\]:|\[(?:\^?\d{1,3}|\^[\w-]{1,20}|[A-Z]\w{0,20}\d)\](?=[ \t])"
    r"|\.\. \[[\w#*-]{1,30}\])[ \t]+(?=\S)"
)


@dataclass(frozen=True, slots=True)
class Marker:
    """A list marker: its ``kind``, its number or letter (or ``""``), its column and that of the text."""

    kind: str
    label: str
    indent: int
    content: int

    @property
    def begins_list(self) -> bool:
        """Whether it may stand in the middle of a paragraph (as in CommonMark, section 5.2)."""
        return self.kind in "*-•‣◦▪●○■⁃∙" or (
            self.kind in {"number", "chinese"} and self.label in {"1", "一", ""}
        )

    def follows(self, other: Marker) -> bool:
        """Whether it is the next item after ``other``, or opens a list of its own."""
        if self.indent < other.indent:
            return True
        if self.kind != other.kind:
            return self.begins_list or (self.label in {"a", "A", "i", "1"} and self.indent > other.indent)
        if self.label.isdecimal() and other.label.isdecimal():
            return int(self.label) in {int(other.label), int(other.label) + 1, 1}
        if self.kind == "letter." and len(self.label) == len(other.label) == 1:
            return ord(self.label) == ord(other.label) + 1
        return True


def marker_of(line: Line) -> Marker | None:
    """The list marker a line begins with, if any."""
    body = line.body
    kind, label, match = "", "", _BULLET.match(body)
    if match:
        kind = match.group(1)
    elif match := _NUMBER.match(body):
        if match.group(3) in MONTHS or not body[match.end() :]:
            return None
        kind, label = "number", match.group(1) or match.group(2) or ""
    elif match := _LETTER.match(body):
        kind = "letter." if match.group(3) else "letter"
        label = match.group(1) or match.group(2) or match.group(3)
    elif match := _CHINESE.match(body):
        kind, label = "chinese", body[:1]
    elif match := _FIELD.match(body):
        kind = "field"
    elif match := _NOTE.match(body):
        kind = "note"
    if not match:
        return None
    return Marker(kind, label, line.indent, line.indent + match.end())
