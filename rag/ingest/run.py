"""Ingest: files or documents into a collection, each document whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ...indexes import SnapshotNotWritten
from ..embedding import embedding_fingerprint
from ..index_store import IndexStore
from ..ledger import CollectionRepository, Database
from ..ledger.new_document import MAX_EXTERNAL_ID
from ..settings import Settings
from .readers import FileRefused, FileUnreadable, ParsedDocument, read_file
from .report import IngestReport, OnProgress
from .uploads import Upload, read_upload
from .walk import FoundFile, Refusal, find_files
from .writer import Writer

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding

__all__ = ["Ingester"]

_VERSION = "1"  # raised when reading or chunking changes, so that documents are read anew


class Ingester:
    """Reads, cuts, embeds and stores documents, and brings the index level with SQL.

    Every document is replaced in one transaction with its chunks and vectors: killed at
    any moment, an ingest leaves whole documents, and running it again does the rest.
    Two ingests at once are safe: the database orders them, and equal content is stored once.
    """

    def __init__(
        self, settings: Settings, database: Database, store: IndexStore, embedding: BaseEmbedding
    ) -> None:
        self._settings = settings
        self._database = database
        self._store = store
        self._embedding = embedding

    def ingest_files(
        self,
        paths: Sequence[Path],
        collection: str,
        *,
        prune: bool = False,
        on_progress: OnProgress | None = None,
    ) -> IngestReport:
        """Ingest files and folders; unchanged files cost a checksum, changed ones replace their chunks.

        Args:
            prune: also delete documents that were ingested from under ``paths`` and are no longer there.

        Raises:
            PathNotFound: a path that does not exist; nothing is done.
            CollectionMismatch: the collection was made with another embedding model.
        """
        started = time.perf_counter()
        found = list(find_files(paths))
        writer = self._writer(collection, len(found), on_progress)
        for item in found:
            if isinstance(item, Refusal):
                writer.refuse(item.external_id, item.error)
            else:
                self._file(writer, item)
        writer.flush()
        if prune:
            writer.prune(
                [os.path.realpath(path) for path in paths],
                {item.external_id for item in found},
                [item.external_id for item in found if isinstance(item, Refusal)],
            )
        return self._finish(writer, started)

    def ingest_documents(
        self, documents: Iterable[ParsedDocument], collection: str, *, on_progress: OnProgress | None = None
    ) -> IngestReport:
        """Ingest documents that are text already."""
        started = time.perf_counter()
        everything = list(documents)
        writer = self._writer(collection, len(everything), on_progress)
        for document in everything:
            digest = self._digest()
            content = json.dumps([document.title, document.text, document.meta], sort_keys=True)
            digest.update(content.encode())
            writer.take(document, digest.hexdigest())
        writer.flush()
        return self._finish(writer, started)

    def ingest_uploads(
        self, uploads: Sequence[Upload], collection: str, *, on_progress: OnProgress | None = None
    ) -> IngestReport:
        """Ingest files under the names that their senders gave them, which are their external ids."""
        started = time.perf_counter()
        writer = self._writer(collection, len(uploads), on_progress)
        for upload in uploads:
            read = partial(read_upload, upload)
            self._file(writer, FoundFile(upload.path, upload.name), read)
        writer.flush()
        return self._finish(writer, started)

    def _file(
        self, writer: Writer, file: FoundFile, read: Callable[[int], Sequence[ParsedDocument]] | None = None
    ) -> None:
        limit = int(self._settings.max_file_mb * 2**20)
        try:
            if len(file.external_id.encode("utf-8", "surrogatepass")) > MAX_EXTERNAL_ID:
                raise FileUnreadable(
                    f"has a path of more than {MAX_EXTERNAL_ID} bytes", hint="give its folders shorter names"
                )
            digest = self._digest()
            if file.path.stat().st_size <= limit:  # a larger one is refused by its reader, unread
                with file.path.open("rb") as stream:
                    while block := stream.read(2**20):
                        digest.update(block)
            content_hash = digest.hexdigest()
            if not writer.has(file.external_id, content_hash):
                for document in read(limit) if read else read_file(file.path, max_bytes=limit):
                    writer.take(document, content_hash)
        except FileRefused as error:
            writer.refuse(file.external_id, error)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            writer.refuse(file.external_id, FileUnreadable(f"cannot be read: {reason}"))

    def _writer(self, collection: str, total: int, on_progress: OnProgress | None) -> Writer:
        return Writer(
            self._database,
            self._embedding,
            collection,
            chunk_tokens=self._settings.chunk_tokens,
            total=total,
            on_progress=on_progress,
        )

    def _digest(self) -> hashlib._Hash:
        """A hash that already holds everything but the content that decides what is stored."""
        how = f"{_VERSION}|{self._settings.chunk_tokens}|{embedding_fingerprint(self._embedding)}|"
        return hashlib.sha256(how.encode())

    def _finish(self, writer: Writer, started: float) -> IngestReport:
        report = writer.report
        with self._database.session() as session:
            exists = CollectionRepository(session).get(report.collection) is not None
        if exists:
            try:
                self._store.settle(report.collection)
            except SnapshotNotWritten as error:  # SQL has everything; the next start fills the index from it
                report.index_problem = str(error)
        report.seconds = time.perf_counter() - started
        return report
