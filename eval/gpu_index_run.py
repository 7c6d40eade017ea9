"""The same index on the CPU and on a card, in one run: k-means, building, recall, speed, memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInput
from ..indexes import Index, create_index, use_device
from ..indexes.effort import recall
from ..indexes.flat import FlatIndex
from ..indexes.kmeans import sample_size, suggest_k, train_centroids
from ..indexes.nearest_centroid import assign, similarities
from .index_bench.vectors import Clustered

__all__ = ["KMeans", "Kind", "Plan", "factors", "measure", "true_neighbours"]

K = 10
_BLOCK = 65_536  # vectors added, or compared with the queries, at a time
_TRAIN_AT = 1000  # vectors from which a kind is no longer exact: scaled down, it is still that kind
_CHECKED = 20_000  # vectors whose nearest centroid is looked at, to compare two clusterings


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured. lists: of the inverted files, 0: by the number of vectors. truth: queries whose true
    neighbours are found by comparing all. batch: queries in one call. threads: that ask one query at a time.
    seconds: of searching, for each figure of speed. gpu_memory_mb: see ``use_device``.
    """

    count: int = 10_000_000
    dimension: int = 384
    kinds: tuple[str, ...] = ("flat", "ivf-flat", "ivf-sq8", "ivf-pq")
    lists: int = 0
    queries: int = 10_000
    truth: int = 1_000
    batch: int = 1_024
    threads: int = 32
    seconds: float = 20.0
    device: str = "cuda"
    gpu_memory_mb: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        least = {"count": 1000, "dimension": 2, "queries": 1, "truth": 1, "batch": 1, "threads": 1}
        for name, value in least.items():
            if getattr(self, name) < value:
                raise InvalidInput(f"{name} is {getattr(self, name)}", hint=f"give at least {value}")
        if not self.seconds > 0:
            raise InvalidInput(f"seconds is {self.seconds}", hint="give more than 0")


@dataclass(frozen=True, slots=True)
class KMeans:
    """Learning the centroids of all vectors from the same sample: seconds, and the mean cosine of a vector
    with its centroid, which says whether both are as good."""

    lists: int
    sample: int
    cpu_seconds: float
    gpu_seconds: float
    cpu_cosine: float
    gpu_cosine: float


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of index. build_seconds: on the CPU, with given centroids. cpu, gpu: queries a second in
    batches; cpu_alone, gpu_alone: of threads that ask one at a time. recall of the ten nearest.
    copy_seconds: until the card served; gpu_bytes: of its memory, 0 where it did not serve and ``reason``
    says why. on_gpu: share of the calls that the card served.
    """

    kind: str
    effort: int
    build_seconds: float
    cpu: float
    gpu: float
    cpu_alone: float
    gpu_alone: float
    cpu_recall: float
    gpu_recall: float
    copy_seconds: float
    gpu_bytes: int
    on_gpu: float
    reason: str | None


def measure(plan: Plan, say: Callable[[str], None] = lambda _: None) -> Iterator[KMeans | Kind]:
    """Each figure as soon as it is there; ``say`` is told what goes on."""
    law = Clustered(dimension=plan.dimension, seed=plan.seed)
    say(f"drawing {plan.count:,} vectors")
    vectors, queries = law.draw(plan.count, 0), law.draw(max(plan.queries, plan.truth), 1)
    lists = plan.lists or suggest_k(plan.count)
    chance = np.random.default_rng(plan.seed)
    sample = vectors[np.sort(chance.choice(plan.count, sample_size(plan.count, lists), replace=False))]
    say(f"k-means: {lists:,} centroids from {len(sample):,} vectors")
    kmeans, centroids = _kmeans(plan, sample, lists, queries[:_CHECKED])
    yield kmeans
    say("true neighbours")
    true = true_neighbours(vectors, queries[: plan.truth], K)
    for kind in plan.kinds:
        yield _kind(plan, kind, vectors, sample, centroids, queries, true, say)


def _kmeans(
    plan: Plan, sample: NDArray[np.float32], lists: int, checked: NDArray[np.float32]
) -> tuple[KMeans, NDArray[np.float32]]:
    train_centroids(sample[: max(lists, 1000)], 1, device=plan.device, rounds=1)  # the card wakes up
    taken, cosines, centroids = [], [], sample
    for device in ("cpu", plan.device):
        started = time.perf_counter()
        centroids = train_centroids(sample, lists, device=device, sample=len(sample), seed=plan.seed)
        taken.append(time.perf_counter() - started)
        cosines.append(float(similarities(checked, centroids, assign(checked, centroids)).mean()))
    return KMeans(lists, len(sample), taken[0], taken[1], cosines[0], cosines[1]), centroids


def _kind(
    plan: Plan,
    kind: str,
    vectors: NDArray[np.float32],
    sample: NDArray[np.float32],
    centroids: NDArray[np.float32],
    queries: NDArray[np.float32],
    true: NDArray[np.int64],
    say: Callable[[str], None],
) -> Kind:
    say(f"{kind}: building")
    options = {} if kind == "flat" else {"train_at": _TRAIN_AT}
    index, started = create_index(kind, plan.dimension, **options), time.perf_counter()
    index.prepare(sample, plan.count, centroids)
    for start in range(0, plan.count, _BLOCK):
        block = vectors[start : start + _BLOCK]
        index.add(np.arange(start, start + len(block)), block)
    built = time.perf_counter() - started
    index.finish(queries[: min(256, len(queries))])
    if not isinstance(index, FlatIndex):
        raise InvalidInput(f"{kind} knows no GPU", hint="measure a built-in kind")
    say(f"{kind}: searching on the CPU")
    cpu = _speed(plan, index, queries), _speed_alone(plan, index, queries), _recall(index, queries, true)
    say(f"{kind}: searching on the card")
    started = time.perf_counter()
    use_device(index, plan.device, gpu_memory_mb=plan.gpu_memory_mb)
    copied, before = time.perf_counter() - started, index.gpu
    gpu = _speed(plan, index, queries), _speed_alone(plan, index, queries), _recall(index, queries, true)
    status = index.gpu
    served = 0.0
    if status is not None and before is not None and status.batches + status.fallbacks:
        served = status.batches / (status.batches + status.fallbacks)
    used = status.bytes if status is not None and served else 0
    use_device(index, "cpu")
    reason = "there is no such card" if status is None else status.reason
    effort = int(getattr(index, "effort", 0))
    return Kind(
        kind, effort, built, cpu[0], gpu[0], cpu[1], gpu[1], cpu[2], gpu[2], copied, used, served, reason
    )


def _speed(plan: Plan, index: Index, queries: NDArray[np.float32]) -> float:
    """Queries a second of one caller, ``batch`` at a time."""
    starts = range(0, max(1, plan.queries - plan.batch + 1), plan.batch)
    index.search(queries[: plan.batch], K)  # not counted
    done, started = 0, time.perf_counter()
    while True:
        for start in starts:
            batch = queries[start : start + plan.batch]
            index.search(batch, K)
            done += len(batch)
            taken = time.perf_counter() - started
            if taken >= plan.seconds:
                return done / taken


def _speed_alone(plan: Plan, index: Index, queries: NDArray[np.float32]) -> float:
    """Queries a second of ``threads`` callers that ask one at a time."""
    end = time.perf_counter() + plan.seconds

    def ask(number: int) -> int:
        done = 0
        while time.perf_counter() < end or not done:
            place = (number + done * plan.threads) % plan.queries
            index.search(queries[place : place + 1], K)
            done += 1
        return done

    started = time.perf_counter()
    with ThreadPoolExecutor(plan.threads) as pool:
        done = sum(pool.map(ask, range(plan.threads)))
    return done / (time.perf_counter() - started)


def _recall(index: Index, queries: NDArray[np.float32], true: NDArray[np.int64]) -> float:
    return recall(index.search(queries[: len(true)], K).ids, true)


def true_neighbours(
    vectors: NDArray[np.float32], queries: NDArray[np.float32], k: int, block: int = _BLOCK
) -> NDArray[np.int64]:
    """The numbers of the ``k`` vectors with the largest inner product, int64 ``[n, k]``, by comparing all."""
    ids = np.full((len(queries), k), -1, np.int64)
    best = np.full((len(queries), k), -np.inf, np.float32)
    for start in range(0, len(vectors), block):
        scores = queries @ vectors[start : start + block].T
        some = np.argpartition(-scores, min(k, scores.shape[1]) - 1, axis=1)[:, :k]
        names = np.concatenate([ids, some + start], axis=1)
        both = np.concatenate([best, np.take_along_axis(scores, some, axis=1)], axis=1)
        order = np.argsort(-both, axis=1, kind="stable")[:, :k]
        ids, best = np.take_along_axis(names, order, axis=1), np.take_along_axis(both, order, axis=1)
    return ids


def factors(figures: Sequence[KMeans | Kind]) -> dict[str, float]:
    """By what factor the card is faster: at k-means, and at batches for each kind that it served."""
    found = {}
    for one in figures:
        if isinstance(one, KMeans):
            found["k-means"] = one.cpu_seconds / one.gpu_seconds
        elif one.gpu_bytes:
            found[one.kind] = one.gpu / one.cpu
    return found
