"""How glibc's allocator is to serve many threads and batches of every size."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time

__all__ = ["hold_less"]

_M_ARENA_MAX = -8  # <malloc.h>
_ARENAS = 2
_EVERY = 30.0  # seconds
_WORK = 1.0  # seconds of CPU since the last time; less leaves nothing worth giving back


def hold_less(every: float = _EVERY) -> bool:
    """Let freed memory go back to the system; whether that can be done here.

    By default every thread may fill an arena of its own, eight a core, and what is freed within one is kept.
    So: two arenas, and while there is work all that is free in them is given back ``every`` so many seconds.
    (Mappings of their own for large pieces would give them back at once, but then the pages of every tensor
    are made anew, which compression feels.) Nothing is done where the C library is another one, or where the
    environment (``MALLOC_…``, ``GLIBC_TUNABLES``, ``LD_PRELOAD``) has decided already.
    """
    decided = any(
        name.startswith("MALLOC_") or name in ("GLIBC_TUNABLES", "LD_PRELOAD") for name in os.environ
    )
    if decided or not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):  # musl has neither
        return False
    if not libc.mallopt(_M_ARENA_MAX, _ARENAS):
        return False
    threading.Thread(target=_give_back, args=(libc, every), daemon=True, name="tersus memory").start()
    return True


def _give_back(libc: ctypes.CDLL, every: float) -> None:
    spent = time.process_time()
    while True:
        time.sleep(every)
        if time.process_time() - spent >= _WORK:
            libc.malloc_trim(0)
            spent = time.process_time()
