"""Replace a file so that readers, crashes and full disks only ever meet a whole one."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

__all__ = ["replace_file"]


def replace_file(path: Path, chunks: Iterable[bytes | memoryview]) -> None:
    """Write ``chunks`` to a temporary file beside ``path``, then rename it over ``path``.

    File and folder are flushed to the disk before this returns. On any error the temporary
    file is removed; ``path`` keeps its old content unless only the folder's flush failed.
    Temporary files of writers that died are removed. A symbolic link is followed.

    Raises:
        OSError: from the system call that failed.
    """
    target = Path(os.path.realpath(path))
    _remove_leftovers(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        temporary, file = _open_temporary(target)
        try:
            with file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
                os.replace(temporary, target)  # noqa: PTH105 - beside os.fsync, one style
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(folder)
    finally:
        os.close(folder)


def _open_temporary(target: Path) -> tuple[Path, BinaryIO]:
    """A new file beside ``target``, locked for as long as it is open.

    The lock says that its writer lives. Unlike a process id in the name, it is never
    reused, and it holds between containers that share a folder.
    """
    while True:
        path = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with suppress(OSError):  # a file system without locks: nobody can lock, so nobody removes
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return path, os.fdopen(handle, "wb")
        os.close(handle)  # another saver took it for a left-over before the lock was ours


def _remove_leftovers(target: Path) -> None:
    """Remove temporary files for ``target`` whose writer is gone, as far as we may."""
    pattern = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{16}}\.tmp")
    for path in [entry for entry in target.parent.iterdir() if pattern.fullmatch(entry.name)]:
        with suppress(OSError):  # locked by a living writer, renamed meanwhile, or not ours to remove
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            finally:
                os.close(handle)


def _sync_folder(folder: int) -> None:
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems cannot sync a folder, and say so thus
            raise
