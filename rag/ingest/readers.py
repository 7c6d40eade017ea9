"""Files in, documents out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .readers_bytes import DEFAULT_MAX_BYTES, check_regular
from .readers_document import JSON, ParsedDocument
from .readers_errors import (
    FileBinary,
    FileDamaged,
    FileEmpty,
    FileEncoding,
    FileEncrypted,
    FileRefused,
    FileTooLarge,
    FileTypeUnsupported,
    FileUnreadable,
    ParserNotStarted,
)
from .readers_names import display_name
from .readers_types import HTML, MARKDOWN, PDF, RST, SUFFIXES, XHTML, media_type_of
from .readers_worker import DEFAULT_MAX_SECONDS

if TYPE_CHECKING:
    from llama_index.core.readers.base import BaseReader

    from .readers_llama import TersusReader

__all__ = [
    "DEFAULT_MAX_BYTES",
    "DEFAULT_MAX_SECONDS",
    "JSON",
    "FileBinary",
    "FileDamaged",
    "FileEmpty",
    "FileEncoding",
    "FileEncrypted",
    "FileRefused",
    "FileTooLarge",
    "FileTypeUnsupported",
    "FileUnreadable",
    "ParsedDocument",
    "ParserNotStarted",
    "file_extractor",
    "read_file",
]


def read_file(
    path: Path, *, max_bytes: int = DEFAULT_MAX_BYTES, max_seconds: float = DEFAULT_MAX_SECONDS
) -> list[ParsedDocument]:
    """The documents of one file (at present always one), read by the LlamaIndex reader for its type.

    The type goes by the name. ``max_bytes`` bounds the file, ``max_seconds`` the parsing of PDF and HTML.
    Raises a FileRefused; where its ``skipped`` is True (empty, type not read) there is nothing to report.
    """
    media_type = media_type_of(path)
    if media_type is None:
        _refuse_unsupported(path)
        raise FileTypeUnsupported(
            f"is of a type that is not read ({path.suffix.lower() or 'no suffix'})",
            hint="text, Markdown, HTML and PDF are",
            path=display_name(path),
        )
    reader = _reader_for(media_type, max_bytes, max_seconds)
    documents = []
    for document in reader.load_data(path):
        meta = dict(document.metadata)
        documents.append(
            ParsedDocument(
                external_id=document.id_,
                title=meta.pop("title"),
                text=document.text,
                media_type=meta.pop("media_type"),
                size_bytes=meta.pop("size_bytes"),
                meta=meta,
            )
        )
    return documents


def file_extractor(
    *, max_bytes: int = DEFAULT_MAX_BYTES, max_seconds: float = DEFAULT_MAX_SECONDS
) -> dict[str, BaseReader]:
    """Suffix to reader, for LlamaIndex's ``SimpleDirectoryReader(..., file_extractor=file_extractor())``."""
    return {suffix: _reader_for(media, max_bytes, max_seconds) for suffix, media in SUFFIXES.items()}


def _reader_for(media_type: str, max_bytes: int, max_seconds: float) -> TersusReader:
    from .readers_llama import HtmlReader, MarkdownReader, PdfReader, RstReader, TextReader

    families: dict[str, type[TersusReader]] = {
        MARKDOWN: MarkdownReader,
        RST: RstReader,
        HTML: HtmlReader,
        XHTML: HtmlReader,
        PDF: PdfReader,
    }
    family = families.get(media_type, TextReader)
    return family(max_bytes=max_bytes, max_seconds=max_seconds)


def _refuse_unsupported(path: Path) -> None:
    # A missing file, a folder or a pipe is told as such whatever its name ends in.
    try:
        check_regular(path)
    except FileRefused as error:
        error.path = display_name(path)
        raise
