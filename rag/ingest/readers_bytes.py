"""A file's bytes, without ever hanging on what is not a file or filling memory."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .readers_errors import FileTooLarge, FileUnreadable

__all__ = ["DEFAULT_MAX_BYTES", "check_mode", "check_regular", "check_size", "read_bytes", "read_stream"]

DEFAULT_MAX_BYTES = 32 * 1024 * 1024

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def read_bytes(path: Path, max_bytes: int = DEFAULT_MAX_BYTES) -> bytes:
    """All bytes of a regular file of at most ``max_bytes`` bytes.

    Raises FileUnreadable (permission, vanished, broken link, pipe, socket, device, folder) and FileTooLarge.
    """
    with _as_unreadable():
        # Looked at before it is opened, since opening a device may already do something; and again
        # afterwards, since it may have been exchanged. O_NONBLOCK: opening a pipe does not wait.
        check_mode(path.stat().st_mode)
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123 - it opens a descriptor
            status = os.fstat(descriptor)
            check_mode(status.st_mode)
            check_size(status.st_size, max_bytes)
            return read_stream(file.read, max_bytes)


def check_regular(path: Path) -> None:
    """Raise FileUnreadable where ``path`` is no regular file, without opening it."""
    with _as_unreadable():
        check_mode(path.stat().st_mode)


def check_size(size: int, max_bytes: int) -> None:
    """Raise FileTooLarge where ``size`` bytes are more than ``max_bytes``."""
    if size > max_bytes:
        raise FileTooLarge(
            f"has {_mib(size)}; files of more than {_mib(max_bytes)} are not read",
            hint="split the file, or raise the limit with TERSUS_MAX_FILE_MB",
        )


def read_stream(read: Callable[[int], bytes | None], max_bytes: int = DEFAULT_MAX_BYTES) -> bytes:
    """All bytes that ``read(n)`` gives until it is empty; raises FileTooLarge beyond ``max_bytes``."""
    # A file may grow while it is read, and those under /proc claim a size of 0: count what arrives.
    parts: list[bytes] = []
    total = 0
    while block := read(min(1 << 20, max_bytes + 1 - total)):
        parts.append(block)
        total += len(block)
        check_size(total, max_bytes)
    return b"".join(parts)


def check_mode(mode: int) -> None:
    """Raise FileUnreadable where ``mode`` (``st_mode``) is not that of a regular file."""
    if not stat.S_ISREG(mode):
        kind = next((name for test, name in _KINDS if test(mode)), "something else")
        raise FileUnreadable(f"is {kind}, not a file", hint="give a regular file")


@contextmanager
def _as_unreadable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        hint = "check that it exists and that you may read it"
        raise FileUnreadable(f"cannot be read: {reason}", hint=hint) from error
    except ValueError as error:  # a NUL character in the path
        raise FileUnreadable("is not a possible path", hint="check the path") from error


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB ({size:,} bytes)"
