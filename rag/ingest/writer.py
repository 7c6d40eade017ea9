"""Documents into SQL: cut, embedded in batches, each committed whole with its chunks and vectors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import numpy as np
from numpy.typing import NDArray

from ...compressors import TokenCounter
from ...errors import TersusError
from ..embedding import EmbeddingFailed, LocalEmbedding, embed_texts, embedding_fingerprint
from ..ledger import CollectionRepository, Database, DocumentRepository, NewChunk, NewDocument
from ..ledger.text import safe_text
from .chunking import ChunkPiece, chunk_document
from .readers_document import ParsedDocument
from .readers_errors import FileEmpty, FileRefused
from .report import IngestedDocument, IngestReport, OnProgress, Progress, Status

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding

__all__ = ["Writer"]

_BATCH = 128  # chunks embedded and committed together


@dataclass(frozen=True, slots=True)
class _Pending:
    document: ParsedDocument
    content_hash: str
    pieces: Sequence[ChunkPiece]


class Writer:
    """One ingest into one collection: takes documents, commits them batch by batch, keeps the report."""

    def __init__(
        self,
        database: Database,
        embedding: BaseEmbedding,
        collection: str,
        *,
        chunk_tokens: int,
        total: int,
        on_progress: OnProgress | None,
    ) -> None:
        self._database = database
        self._embedding = embedding
        self._counter = _counter(embedding)
        self._chunk_tokens = chunk_tokens
        self._total = total
        self._on_progress = on_progress
        self._pending: list[_Pending] = []
        self._vectors_done = 0
        self.report = IngestReport(collection)
        self._stored = self._hashes()

    def has(self, external_id: str, content_hash: str) -> bool:
        """Whether this very content is stored; then it is reported as unchanged."""
        if self._stored.get(safe_text(external_id)) != content_hash:
            return False
        self._done(IngestedDocument(external_id, "unchanged"))
        return True

    def take(self, document: ParsedDocument, content_hash: str) -> None:
        """Cut a document, and commit what has gathered once it is a batch."""
        if self.has(document.external_id, content_hash):
            return
        pieces = chunk_document(
            document.text, document.title, counter=self._counter, max_tokens=self._chunk_tokens
        )
        self._pending.append(_Pending(document, content_hash, pieces))
        self._stored[safe_text(document.external_id)] = content_hash  # should the same id come once more
        if sum(len(item.pieces) for item in self._pending) >= _BATCH:
            self.flush()

    def refuse(self, external_id: str, error: FileRefused) -> None:
        """Report a file that gives no document; a version stored earlier stays, unless it is empty now."""
        reason, stored = error.message, safe_text(external_id) in self._stored
        if stored and isinstance(error, FileEmpty):
            self._delete([external_id])
            self._done(IngestedDocument(external_id, "pruned", reason="is empty now", code=error.code))
            return
        if stored:
            reason += "; what was stored of it earlier stays"
        status: Status = "skipped" if error.skipped else "refused"
        hint = f" ({error.hint})" if error.hint and not error.skipped else ""
        self._done(IngestedDocument(external_id, status, reason=reason + hint, code=error.code))

    def flush(self) -> None:
        """Embed and commit what has gathered."""
        if not self._pending:
            return
        pending, self._pending = self._pending, []
        texts = [
            f"{piece.title}\n{item.document.text[piece.start : piece.end]}"
            for item in pending
            for piece in item.pieces
        ]
        vectors = self._embed(texts)
        fingerprint = embedding_fingerprint(self._embedding)
        new, place = [], 0
        for item in pending:
            new.append(_new_document(item, vectors[place : place + len(item.pieces)]))
            place += len(item.pieces)
        with self._database.session(write=True) as session:
            collections, documents = CollectionRepository(session), DocumentRepository(session)
            row = collections.get_or_create(self.report.collection, fingerprint, self._dimension(vectors))
            outcomes = [documents.replace(row, document) for document in new]
        for item, outcome in zip(pending, outcomes, strict=True):
            chunks = 0 if outcome == "unchanged" else len(item.pieces)
            self.report.chunks += chunks
            self._done(IngestedDocument(item.document.external_id, outcome, chunks))

    def prune(self, roots: Sequence[str], present: set[str], refused: Sequence[str]) -> None:
        """Delete the documents of files under ``roots`` (real paths) that are gone.

        Those ``present`` (external ids) stay, and so do files that are there and were only passed over.
        A folder among the ``refused`` could not be read: everything under it stays.
        """
        seen = {safe_text(external_id) for external_id in present}
        folders = tuple(root.rstrip("/") + "/" for root in roots)
        unread = tuple(f"{_path(external_id)}/" for external_id in refused)
        paths = {stored: _path(stored) for stored in self._hashes() if stored not in seen}
        gone = [
            stored
            for stored, path in paths.items()
            if path.startswith(folders) and not path.startswith(unread) and _is_gone(path)
        ]
        self._delete(gone)
        self._total += len(gone)
        for external_id in gone:
            self._done(IngestedDocument(external_id, "pruned", reason="no longer there"))

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        batches = []
        for start in range(0, len(texts), _BATCH):
            batches.append(embed_texts(self._embedding, texts[start : start + _BATCH]))
            self._vectors_done += len(batches[-1])
            self._tell(None)
        vectors = np.concatenate(batches) if batches else np.empty((0, 0), dtype=np.float32)
        if not vectors.any(axis=1).all():  # it has no direction: no index takes it, and SQL must not either
            raise EmbeddingFailed(
                f"{self._embedding.model_name} returned a vector of zeros",
                hint="check the model; nothing of this batch was stored",
            )
        return vectors

    def _dimension(self, vectors: NDArray[np.float32]) -> int:
        return int(vectors.shape[1] or embed_texts(self._embedding, ["dimension"]).shape[1])

    def _hashes(self) -> dict[str, str]:
        """What is stored, by document; checks that the collection was made with this embedding model."""
        with self._database.session() as session:
            collections = CollectionRepository(session)
            row = collections.get(self.report.collection)
            if row is None:
                return {}
            collections.get_or_create(row.name, embedding_fingerprint(self._embedding), row.dimension)
            return DocumentRepository(session).hashes(row)

    def _delete(self, external_ids: Sequence[str]) -> None:
        if external_ids:
            with self._database.session(write=True) as session:
                row = CollectionRepository(session).require(self.report.collection)
                DocumentRepository(session).delete(row, external_ids)

    def _done(self, document: IngestedDocument) -> None:
        self.report.documents.append(document)
        self._tell(document)

    def _tell(self, latest: IngestedDocument | None) -> None:
        if self._on_progress:
            done = len(self.report.documents)
            self._on_progress(Progress(done, self._total, self._vectors_done, latest))


def _path(external_id: str) -> str:
    """The path of a file's document (see `readers_names.external_id`); others come back as they are."""
    if external_id.startswith("file:///"):
        return os.fsdecode(unquote_to_bytes(external_id.removeprefix("file://")))
    return external_id


def _is_gone(path: str) -> bool:
    """Whether no file of this identity is there: nothing at all, or a folder or a link in its place."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # perhaps it is there: nobody can tell
        return False
    return os.path.realpath(path) != path or os.path.isdir(path)  # noqa: PTH112 - text, as in SQL


def _new_document(item: _Pending, vectors: NDArray[np.float32]) -> NewDocument:
    document = item.document
    return NewDocument(
        external_id=document.external_id,
        title=document.title,
        text=document.text,
        content_hash=item.content_hash,
        media_type=document.media_type,
        size_bytes=document.size_bytes,
        meta=document.meta,
        chunks=[
            NewChunk(p.start, p.end, p.title, document.text[p.start : p.end], vector, p.meta)
            for p, vector in zip(item.pieces, vectors, strict=True)
        ],
    )


def _counter(embedding: BaseEmbedding) -> TokenCounter:
    """The embedding model's own tokens where it is local, cl100k's for the others."""
    from ...compressors import load_counter
    from ...compressors.models.store import model_folder

    if isinstance(embedding, LocalEmbedding):
        try:
            return load_counter(str(model_folder(embedding.model_name)))
        except TersusError:
            return load_counter()
    return load_counter()
