"""The snapshots of collections' indexes on disk: whole, and one writer at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
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

    def writing(self, collection: Collection) -> AbstractContextManager[bool]:
        """Hold the lock of the collection's snapshot among all processes; waits for it.

        Nobody holds it for longer than a snapshot takes; the system takes it from a process that dies.

        Raises:
            SnapshotNotWritten: the folder cannot be made or written.
        """
        return self._held(collection, "lock", -1)

    def building(self, collection: Collection) -> AbstractContextManager[bool]:
        """Be the one process that builds a new index of the collection; gives whether it is this one.

        Raises as :meth:`writing` does.
        """
        return self._held(collection, "build.lock", 0)

    @contextmanager
    def _held(self, collection: Collection, kind: str, timeout: int) -> Iterator[bool]:
        lock = FileLock(self._folder / f"{collection.uid}.{kind}", timeout=timeout)
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
        """Remove the snapshot and the locks; within :meth:`writing`. Raises SnapshotNotWritten."""
        path = self.path(collection)
        try:
            path.unlink(missing_ok=True)
            for suffix in (".lock", ".build.lock"):
                path.with_suffix(suffix).unlink(missing_ok=True)
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
