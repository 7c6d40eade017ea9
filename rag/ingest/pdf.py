"""The text layer of a PDF, with where each page begins."""

from __future__ import annotations

import io
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .readers_errors import FileDamaged, FileEmpty, FileEncrypted
from .text import clean

if TYPE_CHECKING:
    from pypdf import PdfReader

__all__ = ["MAX_TEXT", "PdfText", "page_of", "pdf_to_text"]

MAX_TEXT = 64 * 1024 * 1024
"""Characters. Pages may share their content, so a small file can claim any length of text."""

_NO_TITLE = re.compile(
    r"(?:untitled|title|document\d*|microsoft (?:word|powerpoint)\b.*|.*\.\w{2,4})", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class PdfText:
    """``pages[i]``: the offset in ``text`` where page i + 1 begins. ``unreadable``: page numbers without
    their text because they are damaged."""

    title: str | None
    text: str
    pages: list[int]
    unreadable: list[int] = field(default_factory=list)


def pdf_to_text(data: bytes) -> PdfText:
    """Pages' text, each as the PDF breaks its lines, joined by blank lines.

    Words hyphenated at line ends stay as they are: whether "well-" and "known" make one word or two is not
    written in a PDF. Only soft hyphens (U+00AD), which say so, are joined.

    Raises FileDamaged, FileEncrypted, FileEmpty (no text layer: a scan). What the parser itself may raise on
    hostile input besides these is the caller's to catch, as are time and memory.
    """
    if b"%PDF-" not in data[:1024]:
        raise FileDamaged("does not begin as a PDF", hint="check that the file is complete and a PDF")
    from pypdf.errors import DependencyError

    try:
        return _read(_open(data))
    except DependencyError as error:
        raise FileEncrypted(
            "is encrypted with AES, which needs the package cryptography", hint="pip install cryptography"
        ) from error


def page_of(pages: Sequence[int], offset: int) -> int:
    """Number (from 1) of the page on which the character at ``offset`` stands."""
    return bisect_right(pages, offset)


def _open(data: bytes) -> PdfReader:
    from pypdf import PasswordType, PdfReader

    reader = PdfReader(io.BytesIO(data), strict=False)
    # Many PDFs are encrypted only against editing: those open with the empty password.
    if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
        raise FileEncrypted("opens only with a password", hint="save a copy without a password")
    return reader


def _read(reader: PdfReader) -> PdfText:
    parts: list[str] = []
    pages: list[int] = []
    unreadable: list[int] = []
    length = 0
    for number in range(1, len(reader.pages) + 1):
        page = _page_text(reader, number)
        if page is None:
            unreadable.append(number)
        if page and parts:
            parts.append("\n\n")
            length += 2
        pages.append(length)
        if page:
            parts.append(page)
            length += len(page)
        if length > MAX_TEXT:
            raise FileDamaged(f"holds more than {MAX_TEXT:,} characters of text", hint="split the file")
    if not parts:
        if unreadable:
            raise FileDamaged("has no page that can be read", hint="open it in a viewer and save it anew")
        raise FileEmpty("has no text layer", hint="if it is a scan, run text recognition (OCR) on it first")
    return PdfText(_title(reader), "".join(parts), pages, unreadable)


def _page_text(reader: PdfReader, number: int) -> str | None:
    from pypdf.errors import DependencyError

    try:
        text = reader.pages[number - 1].extract_text()
    except (DependencyError, MemoryError, RecursionError):
        raise
    except Exception:  # noqa: BLE001 - one broken page, whatever the parser makes of it, costs that page alone
        return None
    text = clean(text).replace("\u00ad\n", "")
    return "\n".join(line.rstrip() for line in text.split("\n")).strip()


def _title(reader: PdfReader) -> str | None:
    try:
        title = reader.metadata.title if reader.metadata else None
    except Exception:  # noqa: BLE001 - a title that cannot be read is no reason to refuse the text
        return None
    title = " ".join(clean(str(title or "")).split())
    return None if not title or _NO_TITLE.fullmatch(title) else title[:300]
