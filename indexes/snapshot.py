"""An index in one file: durable, immutable, checked before use."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ..errors import InvalidInput, TersusError
from .base import Index, IndexDump, InvalidDump
from .durable import replace_file
from .registry import load_index_class
from .snapshot_format import (
    DIGEST_SIZE,
    FORMAT_VERSION,
    REBUILD,
    SnapshotDamaged,
    SnapshotInfo,
    SnapshotMissing,
    SnapshotTooNew,
    SnapshotUnreadable,
    encode,
    verify,
)

__all__ = [
    "FORMAT_VERSION",
    "SnapshotDamaged",
    "SnapshotInfo",
    "SnapshotMissing",
    "SnapshotNotWritten",
    "SnapshotTooNew",
    "SnapshotUnreadable",
    "load_snapshot",
    "read_snapshot_info",
    "save_snapshot",
]


class SnapshotNotWritten(TersusError):
    """The snapshot could not be written or made durable; a whole file, old or new, is at its path."""

    code = "snapshot_not_written"


def save_snapshot(
    index: Index, path: str | os.PathLike[str], *, sequence: int, embedding_model: str
) -> SnapshotInfo:
    """Save ``index`` to ``path``, replacing what is there only once the new file is whole and on disk.

    Read ``sequence`` before calling: changes made meanwhile may be in the file or not, so whoever
    replays what came after ``sequence`` must allow for both. Several savers may run at once; the
    last to finish wins. Needs the vectors' memory once more, and disk for the old and the new file.

    Raises:
        SnapshotNotWritten: the disk is full, the folder is missing or read-only, and so on. The old
            snapshot is untouched, unless all that failed was flushing the folder after the renaming.
        InvalidInput: ``sequence`` is negative or no whole number, ``embedding_model`` is no text.
    """
    if isinstance(sequence, bool) or not isinstance(sequence, int) or sequence < 0:
        raise InvalidInput(f"sequence is {sequence!r}", hint="give a whole number from 0")
    if not isinstance(embedding_model, str):
        raise InvalidInput(f"embedding_model is {embedding_model!r}", hint="give the model's name")
    dump = index.dump()
    created = datetime.now(UTC).isoformat(timespec="seconds")
    info = SnapshotInfo(dump.kind, dump.dimension, dump.count, sequence, embedding_model, created)
    try:
        replace_file(Path(path), encode(info, dump.payload))
    except OSError as error:
        raise SnapshotNotWritten(
            f"the snapshot {path} was not written: {error}",
            hint="check the folder, its permissions and its free space",
        ) from error
    return info


def load_snapshot(path: str | os.PathLike[str]) -> tuple[Index, SnapshotInfo]:
    """The index saved at ``path``, and what is known of it. Nothing is parsed before the checksum holds.

    Raises:
        SnapshotMissing, SnapshotDamaged, SnapshotTooNew: see there.
        SnapshotUnreadable: the system refuses to read the file.
        UnknownIndex, IndexBroken, NotInstalled: what the saved kind needs is not installed.
    """
    with _explained(path):
        data = Path(path).read_bytes()
        info, start = verify(io.BytesIO(data), len(data))
    cls = load_index_class(info.kind)
    try:
        index = cls.restore(
            IndexDump(info.kind, info.dimension, info.count, memoryview(data)[start:-DIGEST_SIZE])
        )
    except (InvalidDump, InvalidInput) as error:
        raise SnapshotDamaged(f"the snapshot {path} contradicts itself: {error}", hint=REBUILD) from error
    return index, info


def read_snapshot_info(path: str | os.PathLike[str]) -> SnapshotInfo:
    """What the snapshot at ``path`` holds. Reads and checks the whole file, in little memory.

    Raises:
        SnapshotMissing, SnapshotDamaged, SnapshotTooNew, SnapshotUnreadable: as :func:`load_snapshot`.
    """
    with _explained(path), Path(path).open("rb") as file:
        return verify(file, os.fstat(file.fileno()).st_size)[0]


@contextmanager
def _explained(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what goes wrong with the file at ``path`` into errors that name it."""
    try:
        yield
    except FileNotFoundError as error:
        raise SnapshotMissing(f"there is no snapshot {path}", hint="save one first") from error
    except OSError as error:
        raise SnapshotUnreadable(
            f"the snapshot {path} cannot be read: {error}", hint="check the path and its permissions"
        ) from error
    except SnapshotDamaged as error:
        raise type(error)(f"the snapshot {path} {error.message}", hint=error.hint) from error
