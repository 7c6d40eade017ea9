"""What a loaded index adds to the memory of a process, and what loading takes."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...indexes import create_index, load_snapshot
from .apart import Tell

__all__ = ["Loaded", "anonymous_bytes", "load_alone"]

_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A snapshot in a process that held no index before. ``grown``: bytes of memory that it takes, None
    where the system does not say; ``found``: ids for the queries, ``[n, k]``."""

    seconds: float
    grown: int | None
    found: NDArray[np.int64]


def anonymous_bytes() -> int | None:
    """Resident memory of this process that is no file's, in bytes; None where the system does not say."""
    try:
        lines = _STATUS.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:")), None)


def load_alone(tell: Tell, path: Path, queries: NDArray[np.float32], k: int) -> Loaded:
    """Load the snapshot at ``path`` and search it once. Meant for a process of its own."""
    tell("load")
    small = create_index("flat", queries.shape[1])  # FAISS and its threads are there before the first look
    small.add(np.arange(len(queries)), queries)
    small.search(queries, k)
    gc.collect()
    before = anonymous_bytes()
    started = time.perf_counter()
    index, _ = load_snapshot(path)
    seconds = time.perf_counter() - started
    index.search(queries[:1], k)
    gc.collect()
    after = anonymous_bytes()  # before many are asked: what FAISS works in then is no vector's
    found = index.search(queries, k).ids
    return Loaded(seconds, None if before is None or after is None else after - before, found)
