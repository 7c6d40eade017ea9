"""The index of each collection, never older than SQL: opened, caught up, saved, rebuilt."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.orm import Session

from ..errors import TersusError
from ..indexes import Index, create_index, load_snapshot
from .indexing.build import build_index
from .indexing.choice import IndexSettings
from .indexing.disk import IndexDisk, mismatch
from .indexing.level import bring_level, diverged
from .ledger import ChunkRepository, CollectionRepository, Database
from .ledger.tables import Collection

__all__ = ["IndexStatus", "IndexStore"]

log = logging.getLogger(__name__)

_AGAIN = 60.0  # seconds after which a build in the background that failed is tried again


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """A collection's index beside what SQL says it should be.

    ``kind`` is the snapshot's; ``outgrown`` says why it should be built anew, if it should.
    """

    path: Path
    chunks: int
    vectors: int | None
    """Vectors in the snapshot; None where there is none, or it cannot be read."""
    current: bool
    problem: str | None = None
    kind: str | None = None
    outgrown: str | None = None


@dataclass(slots=True)
class _Entry:
    """A collection's index in memory. ``level``: the index and the SQL sequence number that it covers, set
    under ``lock``; read without it, for a pair is replaced as one."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    level: tuple[Index, int] | None = None
    builder: threading.Thread | None = None
    not_before: float = 0.0


class IndexStore:
    """Indexes in memory, one a collection, each with the SQL sequence number that it covers.

    SQL is the truth. Chunk ids are never used twice and a chunk never changes, so an
    index catches up by comparing ids: what SQL no longer has is removed, what is new is
    added with the vectors stored in SQL. A snapshot that is missing, damaged or of another
    embedding model only costs time: the index is then filled from SQL, and the log says so.
    An index that its collection has outgrown goes on serving while a better one is built beside it, by one
    process at a time. Safe to share between threads.
    """

    def __init__(self, folder: Path, database: Database, settings: IndexSettings | None = None) -> None:
        self._disk = IndexDisk(folder)
        self._database = database
        self._settings = settings or IndexSettings()
        self._entries: dict[str, _Entry] = {}
        self._lock = threading.Lock()

    def path(self, collection: Collection) -> Path:
        """The snapshot's file; named by the collection's uid, so that no other database's can be mistaken."""
        return self._disk.path(collection)

    def open(self, name: str) -> tuple[Collection, Index]:
        """The collection and its index, level with SQL at the moment of the call.

        Raises:
            UnknownCollection: there is no such collection.
        """
        with self._database.session() as session:
            collection = CollectionRepository(session).require(name)
        entry = self._entry(collection.uid)
        level = entry.level
        if level is None or level[1] != collection.sequence:
            collection, index = self._level(name, warn=True)
        else:
            index = level[0]
        if self._settings.background:
            self._consider(entry, collection, index)
        return collection, index

    def save(self, name: str) -> Path:
        """Bring the index level with SQL, and write its snapshot unless the one on disk is the same.

        Raises:
            SnapshotNotWritten: disk full, folder read-only; SQL and the old snapshot are untouched.
        """
        return self._save(name, anyway=False)

    def settle(self, name: str, advance: Callable[[int, int], None] = lambda _done, _total: None) -> Path:
        """As :meth:`save`, but an index that its collection has outgrown is built anew before."""
        collection, index = self._level(name, warn=False)
        better = self._settings.outgrown(collection.index_kind, index) is not None
        if better:
            self._build(name, advance)
        return self._save(name, anyway=better)

    def rebuild(self, name: str, advance: Callable[[int, int], None] = lambda _done, _total: None) -> int:
        """Throw the index away, fill a new one from SQL, save it; returns the number of vectors.

        Raises:
            SnapshotNotWritten: as :meth:`save`; the new index is in use all the same.
        """
        self._build(name, advance)
        self._save(name, anyway=True)
        return len(self.open(name)[1])

    def drop(self, collection: Collection) -> None:
        """Forget a deleted collection's index and remove its snapshot.

        Raises:
            SnapshotNotWritten: the folder does not allow it.
        """
        with self._lock:
            self._entries.pop(collection.uid, None)
        with self._disk.writing(collection):
            self._disk.drop(collection)

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
        problem = mismatch(collection, info)
        current = problem is None and info.sequence == collection.sequence and len(index) == chunks
        outgrown = self._settings.outgrown(collection.index_kind, index)
        return IndexStatus(path, chunks, len(index), current, problem, index.kind, outgrown)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for what is being built in the background; False where it takes longer than ``seconds``."""
        end = None if seconds is None else time.monotonic() + seconds
        with self._lock:
            builders = [entry.builder for entry in self._entries.values() if entry.builder]
        for builder in builders:
            builder.join(None if end is None else max(0.0, end - time.monotonic()))
        return not any(builder.is_alive() for builder in builders)

    def _entry(self, uid: str) -> _Entry:
        with self._lock:
            return self._entries.setdefault(uid, _Entry())

    def _level(self, name: str, *, warn: bool) -> tuple[Collection, Index]:
        while True:
            with self._database.session() as session:
                uid = CollectionRepository(session).require(name).uid
            entry = self._entry(uid)
            # SQL is read within the lock: a later state never loses to an earlier one.
            with entry.lock, self._database.session() as session:
                collection = CollectionRepository(session).require(name)
                if collection.uid == uid:  # else it was made anew meanwhile
                    return collection, self._leveled(entry, session, collection, warn=warn)

    def _leveled(self, entry: _Entry, session: Session, collection: Collection, *, warn: bool) -> Index:
        """The entry's index as this session sees it; within the entry's lock."""
        index, sequence = entry.level or (self._disk.load(collection, warn=warn), -1)
        if index is not None and sequence == collection.sequence:
            return index
        if index is not None and diverged(session, collection, index):
            log.warning(
                "index of %r is rebuilt from SQL: it is of another history of the database "
                "(restored from a backup?)",
                collection.name,
            )
            index, sequence = None, -1
        if index is None:
            index = self._first(session, collection)
        if sequence < 0:
            self._settings.place(index)
        bring_level(session, collection, index, whole=not 0 <= sequence <= collection.sequence)
        entry.level = (index, collection.sequence)
        self._forget_deleted(session)
        return index

    def _forget_deleted(self, session: Session) -> None:
        there = CollectionRepository(session).uids()
        with self._lock:
            for uid in self._entries.keys() - there:
                del self._entries[uid]

    def _first(self, session: Session, collection: Collection) -> Index:
        """An index to start with where there is no snapshot to trust."""
        count = ChunkRepository(session).count(collection)
        kind = self._settings.first(collection.index_kind, count, collection.dimension)
        if kind is None:
            return build_index(self._database, collection.name, self._settings)[1]
        return create_index(kind, collection.dimension, **self._settings.options.get(kind, {}))

    def _save(self, name: str, *, anyway: bool) -> Path:
        with self._database.session() as session:
            collection = CollectionRepository(session).require(name)
        with self._disk.writing(collection):
            now, index = self._level(name, warn=False)  # a new collection has no snapshot yet
            path = self._disk.save(index, now, anyway=anyway)
            with self._database.session() as session:
                there = now.uid in CollectionRepository(session).uids()
            if not there:  # deleted meanwhile, and what was deleted must not stay on disk
                self._disk.drop(now)
            return path

    def _build(self, name: str, advance: Callable[[int, int], None]) -> None:
        """Put a new index in the place of the old one, level with SQL."""
        built, index = build_index(self._database, name, self._settings, advance)
        self._put(built, index)

    def _put(self, collection: Collection, index: Index) -> None:
        """Use ``index`` from now on, level with SQL; not where the collection was made anew meanwhile."""
        entry = self._entry(collection.uid)
        with entry.lock, self._database.session() as session:
            now = CollectionRepository(session).require(collection.name)
            if now.uid != collection.uid:
                return
            bring_level(session, now, index, whole=True)
            self._settings.place(index)
            entry.level = (index, now.sequence)

    def _consider(self, entry: _Entry, collection: Collection, index: Index) -> None:
        """Begin to build a better index in the background, where there is a reason to."""
        why = self._settings.outgrown(collection.index_kind, index)
        if why is None:
            return
        builder = threading.Thread(
            target=self._build_beside, args=(entry, collection, why), name="tersus-index", daemon=True
        )
        with self._lock:
            if entry.builder is not None or time.monotonic() < entry.not_before:
                return
            entry.builder = builder
        builder.start()

    def _build_beside(self, entry: _Entry, collection: Collection, why: str) -> None:
        try:
            with self._disk.building(collection) as ours:
                if ours:  # else another process is at it, whose snapshot the next try finds
                    log.info("a new index of %r is built: %s", collection.name, why)
                    if not self._take_over(collection):
                        self._build(collection.name, lambda *_: None)
                        self._save(collection.name, anyway=True)
        except Exception:  # the old index goes on serving, whatever it was
            log.exception("a new index of %r could not be built; the old one stays in use", collection.name)
        finally:
            entry.not_before = time.monotonic() + _AGAIN
            entry.builder = None

    def _take_over(self, collection: Collection) -> bool:
        """Use the snapshot that another process saved, if it is not outgrown itself."""
        index = self._disk.load(collection, warn=False)
        if index is None or self._settings.outgrown(collection.index_kind, index):
            return False
        with self._database.session() as session:
            if diverged(session, collection, index):
                return False
        self._put(collection, index)
        return True
