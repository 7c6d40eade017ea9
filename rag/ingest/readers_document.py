"""What reading yields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

__all__ = ["JSON", "ParsedDocument"]

JSON: TypeAlias = Any
"""None, bool, int, float, str, or lists and dictionaries (with str keys) of them."""


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """A document as it will be stored.

    external_id: what makes it the same document next time (of a file: its absolute path).
    text: valid Unicode without NUL, line ends ``\\n``; all offsets count its characters. It is the parsed
    text (Markdown for HTML, the text layer for PDF), not the file.
    media_type, size_bytes: of the source.
    meta: JSON; ``encoding``, and ``undecodable`` (places with U+FFFD instead) of text; ``pages`` (offset in
    ``text`` at which each page begins, see `tersus.rag.ingest.pdf.page_of`) and ``unreadable_pages`` of PDF.
    """

    external_id: str
    title: str
    text: str
    media_type: str
    size_bytes: int
    meta: dict[str, JSON] = field(default_factory=dict)
