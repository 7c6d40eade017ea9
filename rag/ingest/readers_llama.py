"""One LlamaIndex reader for each family of files; usable alone or in SimpleDirectoryReader.

Each gives one Document a file. Its metadata: ``title``, ``media_type``, ``size_bytes`` and what the family
adds (``encoding``, ``pages``, ...); only the title is shown to embedding and language models.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llama_index.core.readers.base import BaseReader
from llama_index.core.schema import Document

from . import readers_worker
from .readers_bytes import DEFAULT_MAX_BYTES, read_bytes, read_stream
from .readers_errors import FileEmpty, FileRefused
from .readers_markdown import first_heading, rst_title, split_front_matter
from .readers_names import display_name, external_id, title_from_name
from .readers_types import HTML, MARKDOWN, PDF, RST, media_type_of
from .readers_worker import DEFAULT_MAX_SECONDS
from .text import Decoded, decode

__all__ = ["HtmlReader", "MarkdownReader", "PdfReader", "RstReader", "TersusReader", "TextReader"]


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a family makes of a file's bytes; ``title`` None where the content has none."""

    text: str
    title: str | None
    meta: dict[str, Any]


class TersusReader(BaseReader):
    """Base of the four: reads bytes safely, parses, makes the Document.

    max_bytes: larger files are refused. max_seconds: the longest that PDF or HTML may take to parse.
    """

    media_type: str = "text/plain"

    def __init__(
        self, *, max_bytes: int = DEFAULT_MAX_BYTES, max_seconds: float = DEFAULT_MAX_SECONDS
    ) -> None:
        self.max_bytes = max_bytes
        self.max_seconds = max_seconds

    def load_data(self, file: str | Path, extra_info: dict[str, Any] | None = None, fs: Any = None) -> Any:
        """``[Document]`` of ``file``, its id the file's identity.

        ``extra_info`` is put into the metadata, ``fs`` is an fsspec file system;
        SimpleDirectoryReader gives both. Raises the FileRefused that applies.
        """
        path = Path(file)
        try:
            data = self._bytes(path, fs)
            if not data:
                raise FileEmpty("is empty")
            parsed = self.parse(data)
            if not parsed.text.strip():
                raise FileEmpty("holds no text")
        except FileRefused as error:
            error.path = display_name(path)
            raise
        metadata = {
            **(extra_info or {}),
            "title": parsed.title or title_from_name(path),
            "media_type": media_type_of(path) or self.media_type,
            "size_bytes": len(data),
            **parsed.meta,
        }
        hidden = [key for key in metadata if key != "title"]
        return [
            Document(
                id_=external_id(path) if fs is None else path.as_posix(),
                text=parsed.text,
                metadata=metadata,
                excluded_embed_metadata_keys=hidden,
                excluded_llm_metadata_keys=hidden,
            )
        ]

    @abstractmethod
    def parse(self, data: bytes) -> Parsed:
        """Text, title and further metadata of a file's bytes."""

    def _bytes(self, path: Path, fs: Any) -> bytes:
        if fs is None:
            return read_bytes(path, self.max_bytes)
        with fs.open(str(path), "rb") as stream:
            return read_stream(stream.read, self.max_bytes)


class TextReader(TersusReader):
    """Plain text of every kind, as it stands."""

    def parse(self, data: bytes) -> Parsed:
        """See `TersusReader.parse`."""
        decoded = decode(data, declared=True)
        return Parsed(decoded.text, None, _encoding_meta(decoded))


class RstReader(TersusReader):
    """reStructuredText as it stands, titled by the heading it begins with."""

    media_type = RST

    def parse(self, data: bytes) -> Parsed:
        """See `TersusReader.parse`."""
        decoded = decode(data, declared=True)
        return Parsed(decoded.text, rst_title(decoded.text), _encoding_meta(decoded))


class MarkdownReader(TersusReader):
    """Markdown as it stands, less a YAML front matter, whose title is used."""

    media_type = MARKDOWN

    def parse(self, data: bytes) -> Parsed:
        """See `TersusReader.parse`."""
        decoded = decode(data)
        text, title = split_front_matter(decoded.text)
        return Parsed(text, title or first_heading(text), _encoding_meta(decoded))


class HtmlReader(TersusReader):
    """HTML and XHTML as Markdown."""

    media_type = HTML

    def parse(self, data: bytes) -> Parsed:
        """See `TersusReader.parse`."""
        fields = readers_worker.parse("html", data, max_seconds=self.max_seconds)
        decoded = Decoded(fields["text"], fields["encoding"], fields["replaced"])
        return Parsed(decoded.text, fields["title"], _encoding_meta(decoded))


class PdfReader(TersusReader):
    """The text layer of a PDF. Metadata ``pages``: the offset at which each page begins."""

    media_type = PDF

    def parse(self, data: bytes) -> Parsed:
        """See `TersusReader.parse`."""
        fields = readers_worker.parse("pdf", data, max_seconds=self.max_seconds)
        meta = {"pages": fields["pages"]}
        if fields["unreadable"]:
            meta["unreadable_pages"] = fields["unreadable"]
        return Parsed(fields["text"], fields["title"], meta)


def _encoding_meta(decoded: Decoded) -> dict[str, Any]:
    meta: dict[str, Any] = {"encoding": decoded.encoding}
    if decoded.replaced:
        meta["undecodable"] = decoded.replaced
    return meta
