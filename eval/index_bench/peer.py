"""A peer library's graph beside our ``hnsw``, at the same recall."""

from __future__ import annotations

import gc
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...indexes import load_snapshot
from ...indexes.effort import least_effort, recall
from .apart import Tell
from .bare import exact_search
from .kind import batches_of, use_threads
from .libraries import load_library
from .material import Material
from .memory import anonymous_bytes
from .turns import in_turns, median_ratio

__all__ = ["PeerMeasured", "PeerSpeed", "measure_peer"]

_EFFORTS = [10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 256, 384, 512, 1024]


@dataclass(frozen=True, slots=True)
class PeerSpeed:
    """Queries a second in batches, medians; ``ratio``: ours by the peer's, in turns in one process."""

    threads: int
    queries_a_second: float
    ours: float
    ratio: float


@dataclass(frozen=True, slots=True)
class PeerMeasured:
    """A peer's figures. ``effort`` is the least with which it finds, of the tuning queries, as much as ours;
    ``recall`` and ``our_recall`` are of the asked ones. ``grown``: bytes of memory that its graph takes."""

    name: str
    count: int
    dimension: int
    neighbours: int
    build_effort: int
    build_seconds: float
    grown: int | None
    effort: int
    recall: float
    our_recall: float
    speeds: list[PeerSpeed]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def measure_peer(tell: Tell, name: str, material: Material, ours: Path, *settings: Any) -> PeerMeasured:
    """Build ``name``'s graph with the options of our ``hnsw``, whose snapshot is ``ours``, and compare them.

    Args:
        tell: told each stage.
        name: of the library.
        material: what is indexed and asked.
        ours: a snapshot of an index of kind ``hnsw`` over the same vectors.
        settings: as of ``kind.measure``.

    Raises:
        NotInstalled: the library is missing.
    """
    batch, threads, rounds, seconds = settings
    vectors, tuning, asked = (np.asarray(material.load(part)) for part in ("vectors", "tuning", "asked"))
    most, k = max(threads), material.k
    use_threads(most)
    tell("load ours")
    index, _ = load_snapshot(ours)
    options = index.options
    neighbours, build_effort = int(options["neighbours"]), int(options["build_effort"])
    library = load_library(name, vectors.shape[1], len(vectors), neighbours, build_effort)
    tell("add")
    gc.collect()
    before = anonymous_bytes()
    started = time.perf_counter()
    library.add(vectors, most)
    built = time.perf_counter() - started
    after = anonymous_bytes()
    tell("choose effort")
    true = exact_search(vectors, k)(tuning)
    effort = least_effort(
        lambda tried: library.search(tuning, k, tried, most),
        true,
        _EFFORTS,
        recall(index.search(tuning, k).ids, true),
    )
    batches, speeds = batches_of(asked, batch), []
    for number in threads:
        tell(f"search at {number} threads")
        use_threads(number)
        taken = in_turns(
            {
                "ours": lambda some: index.search(some, k),
                "peer": lambda some, n=number: library.search(some, k, effort, n),  # type: ignore[misc]
            },
            batches,
            rounds=rounds,
            seconds=seconds,
        )
        size = len(batches[0])
        speeds.append(
            PeerSpeed(
                number,
                size / statistics.median(taken["peer"]),
                size / statistics.median(taken["ours"]),
                median_ratio(taken["peer"], taken["ours"]),
            )
        )
    return PeerMeasured(
        name,
        len(vectors),
        vectors.shape[1],
        neighbours,
        build_effort,
        built,
        None if before is None or after is None else after - before,
        effort,
        recall(library.search(asked, k, effort, most), material.true),
        recall(index.search(asked, k).ids, material.true),
        speeds,
    )
