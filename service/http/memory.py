"""How glibc's allocator is to serve many threads and batches of every size."""

from __future__ import annotations

import ctypes
import os
import sys

__all__ = ["hold_less"]

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # <malloc.h>
_ARENAS, _LARGE = 2, 2**20


def hold_less() -> bool:
    """Let freed memory go back to the system; whether the allocator has taken that.

    By default every thread may fill an arena of its own, eight a core, and a threshold that grows with what
    was freed puts tensors among small objects, where they leave holes. So: two arenas, and a mapping of its
    own for whatever has 1 MiB or more. Nothing is done where the C library is another one, or where the
    environment (``MALLOC_…``, ``GLIBC_TUNABLES``, ``LD_PRELOAD``) has decided already.
    """
    decided = any(
        name.startswith("MALLOC_") or name in ("GLIBC_TUNABLES", "LD_PRELOAD") for name in os.environ
    )
    if decided or not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):  # musl has a mallopt that does nothing
        return False
    return bool(libc.mallopt(_M_ARENA_MAX, _ARENAS)) and bool(libc.mallopt(_M_MMAP_THRESHOLD, _LARGE))
