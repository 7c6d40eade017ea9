"""The index of each collection, never older than SQL: opened, caught up, saved, rebuilt."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy.orm import Session

from ..errors import TersusError
from ..indexes import (
    Index,
    SnapshotInfo,
    SnapshotMissing,
    SnapshotNotWritten,
    create_index,
    load_snapshot,
    read_snapshot_info,
    save_snapshot,
)
from .ledger import ChunkRepository, CollectionRepository, Database
from .ledger.tables import Collection

__all__ = ["IndexStatus", "IndexStore"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """A collection's index beside what SQL says it should be."""

    path: Path
    chunks: int
    vectors: int | None
    """Vectors in the snapshot; None where there is none, or it cannot be read."""
    current: bool
    problem: str | None = None


class IndexStore:
    """Indexes in memory, one a collection, each with the SQL sequence number that it covers.

    SQL is the truth. Chunk ids are never used twice and a chunk never changes, so an
    index catches up by comparing ids: what SQL no longer has is removed, what is new is
    added with the vectors stored in SQL. A snapshot that is missing, damaged or of another
    embedding model only costs time: the index is then filled from SQL, and the log says so.
    Safe to share between threads.
    """

    def __init__(self, folder: Path, database: Database) -> None:
        self._folder = folder
        self._database = database
        self._open: dict[str, tuple[Index, int]] = {}
        self._lock = threading.Lock()

    def path(self, collection: Collection) -> Path:
        """The snapshot's file; named by the collection's uid, so that no other database's can be mistaken."""
        return self._folder / f"{collection.uid}.index"

    def open(self, name: str) -> tuple[Collection, Index]:
        """The collection and its index, level with SQL at the moment of the call.

        Raises:
            UnknownCollection: there is no such collection.
        """
        return self._level(name, warn=True)

    def _level(self, name: str, *, warn: bool) -> tuple[Collection, Index]:
        with self._lock, self._database.session() as session:
            collection = CollectionRepository(session).require(name)
            index, sequence = self._open.get(collection.uid) or (self._load(collection, warn), -1)
            if sequence != collection.sequence:
                index = self._catch_up(session, collection, index)
            self._open[collection.uid] = (index, collection.sequence)
            return collection, index

    def save(self, name: str) -> Path:
        """Bring the index level with SQL, and write its snapshot unless the one on disk is the same.

        Raises:
            SnapshotNotWritten: disk full, folder read-only; SQL and the old snapshot are untouched.
        """
        return self._save(name, anyway=False)

    def _save(self, name: str, *, anyway: bool) -> Path:
        collection, index = self._level(name, warn=False)  # a new collection has no snapshot yet
        path = self.path(collection)
        if not anyway and _is_current(path, collection, len(index)):
            return path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SnapshotNotWritten(f"the folder {path.parent} cannot be made: {error}") from error
        save_snapshot(index, path, sequence=collection.sequence, embedding_model=collection.embedding_model)
        return path

    def rebuild(self, name: str) -> int:
        """Throw the index away, fill a new one from SQL, save it; returns the number of vectors.

        Raises:
            SnapshotNotWritten: as :meth:`save`; the new index is in use all the same.
        """
        with self._lock, self._database.session() as session:
            collection = CollectionRepository(session).require(name)
            self._open[collection.uid] = (create_index(collection.index_kind, collection.dimension), -1)
        self._save(name, anyway=True)
        return len(self.open(name)[1])

    def drop(self, collection: Collection) -> None:
        """Forget a deleted collection's index and remove its snapshot.

        Raises:
            SnapshotNotWritten: the folder does not allow it.
        """
        path = self.path(collection)
        with self._lock:
            self._open.pop(collection.uid, None)
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise SnapshotNotWritten(
                    f"the snapshot {path} of a deleted collection cannot be removed: {error}",
                    hint="remove the file yourself",
                ) from error

    def status(self, name: str) -> IndexStatus:
        """The snapshot on disk against SQL, without repairing anything."""
        with self._database.session() as session:
            collection = CollectionRepository(session).require(name)
            chunks = ChunkRepository(session).count(collection)
        path = self.path(collection)
        try:
            index, info = load_snapshot(path)
        except TersusError as error:
            return IndexStatus(path, chunks, None, False, str(error))
        problem = _mismatch(collection, info)
        current = problem is None and info.sequence == collection.sequence and len(index) == chunks
        return IndexStatus(path, chunks, len(index), current, problem)

    def _load(self, collection: Collection, warn: bool) -> Index:
        """The snapshot, or an empty index where there is none to trust; ids are compared in either case."""
        path = self.path(collection)
        try:
            index, info = load_snapshot(path)
            problem = _mismatch(collection, info)
            if problem is None:
                return index
        except SnapshotMissing:
            problem = "it is missing" if warn else None
        except TersusError as error:
            problem = str(error)
        if problem:
            log.warning("index of %r is rebuilt from SQL: %s", collection.name, problem)
        return create_index(collection.index_kind, collection.dimension)

    def _catch_up(self, session: Session, collection: Collection, index: Index) -> Index:
        repository = ChunkRepository(session)
        wanted, present = repository.ids(collection), index.ids()
        missing = np.setdiff1d(wanted, present, assume_unique=True)
        if missing.size:
            everything = None if missing.size == wanted.size else missing
            for ids, vectors in repository.vectors(collection, everything):
                index.add(ids, vectors)
        # Last: searches that run beside this may find more than SQL has, which is passed over, but not less.
        index.remove(np.setdiff1d(present, wanted, assume_unique=True))
        return index


def _is_current(path: Path, collection: Collection, vectors: int) -> bool:
    """Whether the snapshot is whole and covers what SQL has now."""
    try:
        info = read_snapshot_info(path)
    except TersusError:
        return False
    same = info.sequence == collection.sequence and info.count == vectors
    return same and _mismatch(collection, info) is None


def _mismatch(collection: Collection, info: SnapshotInfo) -> str | None:
    if info.embedding_model != collection.embedding_model or info.dimension != collection.dimension:
        return f"it holds vectors of {info.embedding_model}, the collection of {collection.embedding_model}"
    if info.kind != collection.index_kind:
        return f"it is of kind {info.kind}, the collection wants {collection.index_kind}"
    if info.sequence > collection.sequence:
        return "it is newer than the database (restored from a backup?)"
    return None
