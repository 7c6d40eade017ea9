"""One kind of index, from building it to removing from it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import TersusError
from ...indexes import Index, create_index, load_index_class, save_snapshot
from ...indexes.ann import AnnIndex
from ...indexes.effort import recall
from ...indexes.faiss_lib import faiss
from ...indexes.kmeans import suggest_k
from .apart import Tell
from .bare import bare_bytes, bare_search, exact_search
from .material import Material
from .turns import Arm, in_turns, latencies, median_ratio

__all__ = ["Disagrees", "Measured", "Speed", "batches_of", "measure", "use_threads"]

_STEP = 20_000  # vectors added at a time while building
_CHANGE = 500  # vectors added or removed at a time afterwards
_SINGLE = 500  # queries asked alone, at most
_PER_CENTROID = 64  # rows to learn a centroid from


class Disagrees(TersusError):
    """Our search and FAISS's own, of the same structure, found different neighbours."""

    code = "bench_disagrees"


@dataclass(frozen=True, slots=True)
class Speed:
    """Queries a second in batches, at a number of threads, medians. ``bare``: FAISS with the same structure
    and parameters; ``ratio``: ours by bare; ``exact``: bare FAISS through all vectors; ``times_exact``: ours
    by exact. Arms in turns in one process. ``bare`` and ``ratio`` are None for a kind not of ours."""

    threads: int
    queries_a_second: float
    bare: float | None
    ratio: float | None
    exact: float
    times_exact: float


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures of a kind. Seconds of building by part, bytes by part, recall of the ``k`` nearest, seconds
    of a query alone at one thread, vectors added and removed a second after the build, 500 at a time."""

    spec: str
    kind: str
    count: int
    dimension: int
    options: dict[str, Any]
    effort: int | None
    build_seconds: dict[str, float]
    bytes_by_part: dict[str, int]
    recall: float
    speeds: list[Speed]
    seconds_p50: float
    seconds_p99: float
    added_a_second: float
    removed_a_second: float
    save_seconds: float
    snapshot_bytes: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def measure(
    tell: Tell,
    spec: tuple[str, str, Mapping[str, Any]],
    material: Material,
    snapshot: Path,
    *settings: Any,
) -> tuple[Measured, NDArray[np.int64]]:
    """Build, save to ``snapshot`` and measure; also the ids found for the asked queries, ``[n, k]``.

    Args:
        tell: told each stage.
        spec: as it was written, the kind, its options.
        material: what is indexed and asked.
        snapshot: where the index is saved, before anything is removed from it.
        settings: batch, threads (a list; the most of them build), rounds, seconds for each comparison.

    Raises:
        Disagrees: our search is not FAISS's.
    """
    batch, threads, rounds, seconds = settings
    text, kind, options = spec
    vectors, tuning, asked = (np.asarray(material.load(name)) for name in ("vectors", "tuning", "asked"))
    use_threads(max(threads))
    index, build = _build(tell, kind, options, vectors, tuning)
    tell("search")
    found = index.search(asked, material.k).ids
    parts = bare_bytes(index)
    speeds = _speeds(tell, index, vectors, asked, found, material.k, batch, threads, rounds, seconds)
    tell("single queries")
    use_threads(1)
    p50, p99 = latencies(lambda one: index.search(one, material.k), asked[:_SINGLE])
    use_threads(max(threads))
    tell("save")
    started = time.perf_counter()
    save_snapshot(index, snapshot, sequence=0, embedding_model="bench")
    saved = time.perf_counter() - started
    tell("change")
    added, removed = _change(index, np.asarray(material.load("changes")), len(vectors))
    effort = index.effort if isinstance(index, AnnIndex) and index.trained else None
    measured = Measured(
        text,
        kind,
        len(vectors),
        index.dimension,
        index.options,
        effort,
        build,
        parts,
        recall(found, material.true),
        speeds,
        p50,
        p99,
        added,
        removed,
        saved,
        snapshot.stat().st_size,
    )
    return measured, found


def use_threads(count: int) -> None:
    """How many threads FAISS and BLAS take from here on."""
    threadpool_limits = import_module("threadpoolctl").threadpool_limits  # it comes with scikit-learn
    faiss().omp_set_num_threads(count)
    threadpool_limits(count)


def batches_of(queries: NDArray[np.float32], batch: int) -> list[NDArray[np.float32]]:
    """Whole batches; one smaller one where there are fewer queries."""
    whole = [queries[i : i + batch] for i in range(0, len(queries) - batch + 1, batch)]
    return whole or [queries]


def _build(
    tell: Tell,
    kind: str,
    options: Mapping[str, Any],
    vectors: NDArray[np.float32],
    tuning: NDArray[np.float32],
) -> tuple[Index, dict[str, float]]:
    count, dimension = vectors.shape
    cls = load_index_class(kind)
    if issubclass(cls, AnnIndex):  # its structure is what is measured, however few the vectors
        options = {"train_at": 1, **options}
    index, taken = create_index(kind, dimension, **options), {}
    sample = np.sort(
        np.random.default_rng(0).permutation(count)[: max(10_000, _PER_CENTROID * suggest_k(count))]
    )
    drawn = vectors[sample]

    def add() -> None:
        for start in range(0, count, _STEP):
            rows = vectors[start : start + _STEP]
            index.add(np.arange(start, start + len(rows)), rows)
            tell(f"add {start + len(rows):,} of {count:,}")

    def prepare() -> None:
        index.prepare(drawn, count)

    def finish() -> None:
        index.finish(tuning)

    stages = {"prepare": prepare, "add": add, "finish": finish}
    for name, stage in stages.items():
        tell(name)
        started = time.perf_counter()
        stage()
        taken[name] = time.perf_counter() - started
    return index, taken


def _speeds(
    tell: Tell,
    index: Index,
    vectors: NDArray[np.float32],
    asked: NDArray[np.float32],
    found: NDArray[np.int64],
    k: int,
    batch: int,
    threads: Sequence[int],
    rounds: int,
    seconds: float,
) -> list[Speed]:
    bare = bare_search(index, k)
    if bare is not None and recall(bare(asked), found) < 0.999:  # ids are rows here; ties may differ
        raise Disagrees(f"{index.kind}: FAISS alone finds other neighbours", hint="this is a bug of Tersus")
    batches, speeds = batches_of(asked, batch), []
    for number in threads:
        tell(f"search at {number} threads")
        use_threads(number)
        arms: dict[str, Arm] = {"ours": lambda some: index.search(some, k)}
        if bare is not None:
            arms["bare"] = bare
        taken = in_turns(arms, batches, rounds=rounds, seconds=seconds)
        both = in_turns(
            {"ours": arms["ours"], "exact": exact_search(vectors, k)}, batches, rounds=1, seconds=seconds / 2
        )
        size = len(batches[0])
        speeds.append(
            Speed(
                number,
                size / statistics.median(taken["ours"]),
                size / statistics.median(taken["bare"]) if "bare" in taken else None,
                median_ratio(taken["bare"], taken["ours"]) if "bare" in taken else None,
                size / statistics.median(both["exact"]),
                median_ratio(both["exact"], both["ours"]),
            )
        )
    return speeds


def _change(index: Index, extra: NDArray[np.float32], first: int) -> tuple[float, float]:
    """Vectors a second added, and removed again; medians over blocks."""
    blocks = [np.arange(s, min(s + _CHANGE, len(extra))) for s in range(0, len(extra), _CHANGE)]
    blocks = [block for block in blocks if len(block) == len(blocks[0])]
    added, removed = [], []
    for block in blocks:
        started = time.perf_counter()
        index.add(first + block, extra[block])
        added.append(time.perf_counter() - started)
    for block in blocks:
        started = time.perf_counter()
        index.remove(first + block)
        removed.append(time.perf_counter() - started)
    return len(blocks[0]) / statistics.median(added), len(blocks[0]) / statistics.median(removed)
