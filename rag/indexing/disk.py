"""The snapshots of collections' indexes on disk: whole, and one writer at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ...errors import TersusError
from ...indexes import (
    Index,
    SnapshotInfo,
    SnapshotMissing,
    SnapshotNotWritten,
    load_snapshot,
    read_snapshot_info,
    save_snapshot,
)
from ..ledger.tables import Collection

__all__ = ["IndexDisk", "mismatch"]

log = logging.getLogger(__name__)


class IndexDisk:
    """A folder of snapshots, named by the collections' uids, so that no other database's can be mistaken."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, collection: Collection) -> Path:
        """The snapshot's file."""
        return self._folder / f"{collection.uid}.index"

    @contextmanager
    def writing(self, collection: Collection, *, wait: bool = True) -> Iterator[bool]:
        """Hold the collection's lock among all processes; gives whether it is held.

        That is False only without ``wait``. The system takes the lock from a process that dies.

        Raises:
            SnapshotNotWritten: the folder cannot be made or written.
        """
        lock = FileLock(self._folder / f"{collection.uid}.lock", timeout=-1 if wait else 0)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout:
            yield False
            return
        except OSError as error:
            raise SnapshotNotWritten(
                f"the folder {self._folder} cannot be made or written: {error}",
                hint="check the folder and its permissions",
            ) from error
        try:
            yield True
        finally:
            lock.release()

    def load(self, collection: Collection, *, warn: bool) -> Index | None:
        """The snapshot's index; None, with the reason in the log, where there is none to trust.

        ``warn`` False: that there is no file is no reason to log.
        """
        try:
            index, info = load_snapshot(self.path(collection))
            problem = mismatch(collection, info)
            if problem is None:
                return index
        except SnapshotMissing:
            problem = "it is missing" if warn else None
        except TersusError as error:
            problem = str(error)
        if problem:
            log.warning("index of %r is rebuilt from SQL: %s", collection.name, problem)
        return None

    def save(self, index: Index, collection: Collection, *, anyway: bool = False) -> Path:
        """Write the snapshot, unless the one on disk holds the same and not ``anyway``.

        Within :meth:`writing`, with a collection read since and an index level with it: what another process
        saved is then never newer.

        Raises:
            SnapshotNotWritten: disk full, folder read-only; the old snapshot is untouched.
        """
        path = self.path(collection)
        if anyway or not self._covers(path, index, collection):
            save_snapshot(
                index, path, sequence=collection.sequence, embedding_model=collection.embedding_model
            )
        return path

    def drop(self, collection: Collection) -> None:
        """Remove the snapshot; raises SnapshotNotWritten."""
        path = self.path(collection)
        try:
            path.unlink(missing_ok=True)
            path.with_suffix(".lock").unlink(missing_ok=True)
        except OSError as error:
            raise SnapshotNotWritten(
                f"the snapshot {path} of a deleted collection cannot be removed: {error}",
                hint="remove the file yourself",
            ) from error

    def _covers(self, path: Path, index: Index, collection: Collection) -> bool:
        try:
            info = read_snapshot_info(path)
        except TersusError:
            return False
        same = (info.sequence, info.kind, info.count) == (collection.sequence, index.kind, len(index))
        return same and mismatch(collection, info) is None


def mismatch(collection: Collection, info: SnapshotInfo) -> str | None:
    """Why a snapshot is not the collection's, if it is not; one of another kind than it asks for still is."""
    if info.embedding_model != collection.embedding_model or info.dimension != collection.dimension:
        return f"it holds vectors of {info.embedding_model}, the collection of {collection.embedding_model}"
    if info.sequence > collection.sequence:
        return "it is newer than the database (restored from a backup?)"
    return None
