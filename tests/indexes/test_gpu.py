"""Indexes on a card that behaves as FAISS's do: the same neighbours as on the CPU, whatever happens."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import faiss as real
import numpy as np
import pytest
from numpy.typing import NDArray
from tersus.errors import InvalidInput
from tersus.indexes import SearchResult, create_index, load_snapshot, save_snapshot, use_device
from tersus.indexes.ann import AnnIndex
from tersus.indexes.device import choose, resolve
from tersus.indexes.flat import FlatIndex
from tersus.indexes.gpu_card import _with_flat_centroids
from tersus.indexes.kmeans import train_centroids

from tests.indexes.gpu_fake import FakeFaiss

faiss: Any = real

DIMENSION = 32
COUNT = 3000
PATIENCE = 30.0
ON_GPU = ("flat", "ivf-flat", "ivf-sq8", "ivf-pq")
OUT_OF_MEMORY = RuntimeError("... (cudaMalloc error out of memory [2])\n")


def clustered(count: int, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    middle = np.random.default_rng(99).normal(size=(40, DIMENSION))
    vectors = middle[rng.integers(0, 40, count)] + rng.normal(scale=0.6, size=(count, DIMENSION))
    unit: NDArray[np.float32] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


VECTORS = clustered(COUNT)
IDS = np.random.default_rng(5).permutation(10 * COUNT)[:COUNT].astype(np.int64)
QUERIES = clustered(40, seed=1)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeFaiss]:
    fake, before = FakeFaiss(), threading.enumerate()
    monkeypatch.setitem(sys.modules, "faiss", fake)
    yield fake
    gc.collect()
    left = [thread for thread in threading.enumerate() if thread.name == "tersus-gpu"]
    assert not [thread for thread in left if thread not in before]
    assert fake.taken(0) == 0, "memory of the card is still taken"


@pytest.fixture(params=ON_GPU)
def gpu_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def made(kind: str, device: str = "cpu", **options: Any) -> FlatIndex:
    """An index of which vectors came in three calls, tuned."""
    if kind != "flat":
        options = {"train_at": 1000, "recall": 0.9, **options}
    if kind == "ivf-pq":
        options = {"code_bytes": 16, "refine_bits": 8, **options}
    index = create_index(kind, DIMENSION, device=device, **options)
    assert isinstance(index, FlatIndex)
    if isinstance(index, AnnIndex):
        index.few = 0  # type: ignore[misc]
    for start in range(0, COUNT, 1000):
        index.add(IDS[start : start + 1000], VECTORS[start : start + 1000])
    index.finish(QUERIES)
    return index


def pair(kind: str, **options: Any) -> tuple[FlatIndex, FlatIndex]:
    """The same index twice, the second one on the card."""
    plain = made(kind, **options)
    other = type(plain).restore(plain.dump())
    if isinstance(other, AnnIndex):
        other.few = 0  # type: ignore[misc]
    assert use_device(other, "cuda") == "cuda:0"
    assert other.gpu is not None
    assert other.gpu.reason is None
    return plain, other


def assert_same(one: SearchResult, other: SearchResult, kind: str) -> None:
    if kind == "flat":
        assert one.ids.tolist() == other.ids.tolist()
        assert one.scores.tolist() == other.scores.tolist()
        return
    np.testing.assert_allclose(one.scores, other.scores, atol=2e-6)  # product codes are added up otherwise
    differ = one.ids != other.ids
    # Where ids differ their scores are equal but for rounding.
    assert differ.mean() < 0.005
    assert np.isfinite(one.scores[differ]).all()


def batches(index: FlatIndex) -> int:
    assert index.gpu is not None
    return index.gpu.batches


def fallbacks(index: FlatIndex) -> int:
    assert index.gpu is not None
    return index.gpu.fallbacks


def wait_for(there: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not there():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.parametrize("k", [1, 10, 300])
def test_a_card_finds_what_the_cpu_finds(card: FakeFaiss, gpu_kind: str, k: int) -> None:
    plain, other = pair(gpu_kind)
    before = batches(other)
    assert_same(plain.search(QUERIES, k), other.search(QUERIES, k), gpu_kind)
    too_wide = gpu_kind == "ivf-pq" and k == 300  # ten candidates each are more than 2048
    assert (batches(other) == before) == too_wide
    assert fallbacks(other) == too_wide


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_removed_vectors_are_passed_over(card: FakeFaiss, gpu_kind: str, share: float) -> None:
    plain, other = pair(gpu_kind)
    # Those that the queries would find go first: the margin has to grow.
    nearest = plain.search(QUERIES, 60).ids
    gone = np.unique(nearest[:, :30]) if share == 0.02 else IDS[: round(share * COUNT)]
    for index in (plain, other):
        assert index.remove(gone) == len(gone)
    for _ in range(2):
        found = other.search(QUERIES, 10)
        assert not np.isin(found.ids, gone).any()
        assert_same(plain.search(QUERIES, 10), found, gpu_kind)
        wait_for(lambda: other.gpu is not None and other.gpu.reason is None)
    assert batches(other) > 0


def test_additions_and_returning_ids_are_found_on_the_card(card: FakeFaiss, gpu_kind: str) -> None:
    plain, other = pair(gpu_kind)
    more = clustered(500, seed=8)
    for index in (plain, other):
        index.remove(IDS[:200])
        index.add(10**6 + np.arange(500), more)
        index.add(IDS[:50], -VECTORS[:50])
    clones = card.clones
    queries = np.concatenate([more[:20], -VECTORS[:20], QUERIES])
    assert_same(plain.search(queries, 10), other.search(queries, 10), gpu_kind)
    assert (card.clones, fallbacks(other)) == (clones, 0)
    assert other.search(-VECTORS[:1], 1).ids.tolist() == [[IDS[0]]]


def test_random_changes_never_make_a_difference(card: FakeFaiss, gpu_kind: str) -> None:
    plain, other = pair(gpu_kind)
    rng = np.random.default_rng(3)
    held, fresh = set(IDS.tolist()), 10**6
    for step in range(30):
        gone = rng.choice(sorted(held), rng.integers(1, 200), replace=False)
        new = np.arange(fresh, fresh + rng.integers(1, 150))
        vectors = clustered(len(new), seed=100 + step)
        for index in (plain, other):
            index.remove(gone)
            index.add(new, vectors)
        held, fresh = (held - set(gone.tolist())) | set(new.tolist()), fresh + len(new)
        k = int(rng.integers(1, 40))
        assert_same(plain.search(QUERIES, k), other.search(QUERIES, k), gpu_kind)
    assert batches(other) > 10


def test_more_than_a_card_selects_is_the_cpus(card: FakeFaiss) -> None:
    plain, other = pair("flat")
    assert_same(plain.search(QUERIES, 2045), other.search(QUERIES, 2045), "flat")
    assert (fallbacks(other), card.searches) == (1, [])
    assert_same(plain.search(QUERIES, 2040), other.search(QUERIES, 2040), "flat")
    assert batches(other) == 1
    # Tombstones push some queries beyond it.
    nearest = plain.search(QUERIES[:1], 600).ids[0]
    for index in (plain, other):
        index.remove(nearest)
    assert_same(plain.search(QUERIES, 1800), other.search(QUERIES, 1800), "flat")


def test_a_filter_is_the_cpus(card: FakeFaiss, gpu_kind: str) -> None:
    plain, other = pair(gpu_kind)
    allowed = IDS[::2]
    found = other.search(QUERIES, 10, allowed=allowed)
    assert np.isin(found.ids, allowed).all()
    assert_same(plain.search(QUERIES, 10, allowed=allowed), found, gpu_kind)
    assert batches(other) == 0


def test_snapshots_are_the_cpus_and_name_no_device(card: FakeFaiss, gpu_kind: str, tmp_path: Path) -> None:
    plain, other = pair(gpu_kind)
    assert bytes(plain.dump().payload) == bytes(other.dump().payload)
    save_snapshot(other, tmp_path / "snapshot", sequence=1, embedding_model="m")
    loaded, _ = load_snapshot(tmp_path / "snapshot")
    assert isinstance(loaded, FlatIndex)
    assert (loaded.device, loaded.gpu, other.device) == ("cpu", None, "cuda:0")
    assert loaded.options == other.options


def test_an_index_made_for_a_card_is_copied_once_it_is_searched(card: FakeFaiss, gpu_kind: str) -> None:
    index, plain = made(gpu_kind, "cuda"), made(gpu_kind)
    assert index.gpu is not None
    assert_same(plain.search(QUERIES, 10), index.search(QUERIES, 10), gpu_kind)  # by the CPU, meanwhile
    wait_for(lambda: index.gpu is not None and index.gpu.reason is None)
    assert_same(plain.search(QUERIES, 10), index.search(QUERIES, 10), gpu_kind)
    assert batches(index) > 0
    assert index.gpu.device == "cuda:0"


def test_a_new_structure_is_copied_anew(card: FakeFaiss) -> None:
    plain, other = pair("ivf-flat")
    clones = card.clones
    other.finish(np.empty((0, DIMENSION)))  # clones its structure
    other.search(QUERIES, 10)
    wait_for(lambda: other.gpu is not None and other.gpu.reason is None)
    assert card.clones == clones + 1
    assert_same(plain.search(QUERIES, 10), other.search(QUERIES, 10), "ivf-flat")


def test_hnsw_says_that_it_has_no_gpu_form(card: FakeFaiss) -> None:
    plain, index = made("hnsw"), made("hnsw", "cuda")
    assert index.gpu is not None
    assert index.search(QUERIES, 5).ids.tolist() == plain.search(QUERIES, 5).ids.tolist()
    assert index.gpu.reason == "FAISS has no GPU form of hnsw"
    assert card.clones == 0


@pytest.mark.parametrize("when", ["clone", "search", "add"])
def test_a_full_card_is_left_to_the_cpu_and_tried_again_later(
    card: FakeFaiss,
    gpu_kind: str,
    when: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = time.monotonic()
    monkeypatch.setattr("tersus.indexes.gpu.time.monotonic", lambda: clock)
    plain, other = pair(gpu_kind)
    card.failing[when] = OUT_OF_MEMORY
    more = clustered(100, seed=8)
    with caplog.at_level(logging.WARNING, logger="tersus"):
        if when == "clone":
            use_device(other, "cuda")
        for index in (plain, other):
            index.add(10**6 + np.arange(100), more)
        for _ in range(20):
            assert_same(plain.search(QUERIES, 10), other.search(QUERIES, 10), gpu_kind)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "out of memory" in caplog.text
    assert other.gpu is not None
    assert "out of memory" in (other.gpu.reason or "")
    assert fallbacks(other) == 20
    tried = card.clones, len(card.searches)
    clock += 59
    other.search(QUERIES, 10)
    assert (card.clones, len(card.searches)) == tried
    clock += 2
    card.failing.clear()
    other.search(QUERIES, 10)
    deadline = time.perf_counter() + PATIENCE
    while other.gpu.reason is not None:
        assert time.perf_counter() < deadline
        time.sleep(0.005)
    before = batches(other)
    assert_same(plain.search(QUERIES, 10), other.search(QUERIES, 10), gpu_kind)
    assert batches(other) == before + 1


def test_a_card_without_room_is_not_used(card: FakeFaiss, caplog: pytest.LogCaptureFixture) -> None:
    card.memory = (512 << 20) + COUNT * DIMENSION * 4 - 1
    index = made("flat")
    with caplog.at_level(logging.WARNING, logger="tersus"):
        use_device(index, "cuda")
    assert index.gpu is not None
    assert "out of memory" in (index.gpu.reason or "")
    assert index.search(QUERIES, 3).ids.tolist() == made("flat").search(QUERIES, 3).ids.tolist()


def test_memory_is_bounded_and_reported(card: FakeFaiss, gpu_kind: str) -> None:
    index = made(gpu_kind)
    use_device(index, "cuda", gpu_memory_mb=64)
    assert index.gpu is not None
    assert index.gpu.reason is None
    assert index.gpu.bytes == card.taken(0)
    assert (16 << 20) < index.gpu.bytes <= (64 << 20)
    use_device(index, "cuda", gpu_memory_mb=1)
    found = index.search(QUERIES, 5)
    if gpu_kind in ("flat", "ivf-flat"):  # 375 KiB and a quarter of a MiB fit, so it must be less still
        assert index.gpu is not None
    more = clustered(20_000, seed=4)
    index.add(10**6 + np.arange(20_000), more)
    assert index.search(QUERIES, 5).ids.shape == found.ids.shape
    assert card.taken(0) <= 1 << 20
    if gpu_kind in ("flat", "ivf-flat"):
        assert "1 are allowed" in (index.gpu.reason or "")


def test_requests_of_many_threads_are_searched_together_by_one(card: FakeFaiss, gpu_kind: str) -> None:
    plain, other = pair(gpu_kind)
    gate = threading.Event()
    card.wait = lambda: (gate.wait(PATIENCE), None)[1]
    with ThreadPoolExecutor(12) as pool:
        first = pool.submit(other.search, QUERIES[:1], 10)
        wait_for(lambda: len(card.searches) == 1)
        rest = [pool.submit(other.search, QUERIES[i : i + 3], 10) for i in range(10)]
        assert other._gpu is not None
        waiting = other._gpu._owner._waiting
        wait_for(lambda: len(waiting) == 10)
        gate.set()
        expected = plain.search(QUERIES, 10)
        assert_same(plain.search(QUERIES[:1], 10), first.result(PATIENCE), gpu_kind)
        for i, one in enumerate(rest):
            found = one.result(PATIENCE)
            assert_same(SearchResult(expected.ids[i : i + 3], expected.scores[i : i + 3]), found, gpu_kind)
    # A first one alone, then all that had come meanwhile; flat may ask again for ties.
    assert [n for n, _ in card.searches[:2]] == [1, 30]
    assert fallbacks(other) == 0


def test_readers_and_a_writer_beside_each_other(card: FakeFaiss, gpu_kind: str) -> None:
    _, other = pair(gpu_kind)
    other.remove(IDS[:500])
    done = threading.Event()

    def read() -> int:
        count = 0
        while not done.is_set() or not count:
            assert not np.isin(other.search(VECTORS[:5], 30).ids, IDS[:500]).any()
            count += 1
        return count

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(4)]
        try:
            for step in range(30):
                other.remove(IDS[1000:1200])
                other.add(IDS[1000:1200], VECTORS[1000:1200])
                if step % 10 == 5:
                    other.finish(np.empty((0, DIMENSION)))
        finally:
            done.set()
        assert all(reader.result(PATIENCE) for reader in readers)
    assert batches(other) > 0


def test_a_copy_in_the_making_never_blocks_readers_and_writers(card: FakeFaiss) -> None:
    _, other = pair("ivf-flat")
    for _ in range(20):
        other.finish(np.empty((0, DIMENSION)))
        with ThreadPoolExecutor(4) as pool:
            jobs = [pool.submit(other.search, QUERIES, 5) for _ in range(8)]
            change = pool.submit(other.add, [10**7 + len(other)], VECTORS[:1])
            for job in jobs:
                job.result(PATIENCE)
            change.result(PATIENCE)


def test_another_error_goes_to_those_who_asked(card: FakeFaiss) -> None:
    _, other = pair("flat")
    card.failing["search"] = TypeError("a mistake of ours")
    with pytest.raises(TypeError, match="a mistake of ours"):
        other.search(QUERIES, 3)
    card.failing.clear()
    assert other.search(VECTORS[:1], 1).ids.tolist() == [[IDS[0]]]


def test_going_back_to_the_cpu_gives_the_memory_back(card: FakeFaiss) -> None:
    plain, other = pair("flat")
    assert card.taken(0) > 0
    assert use_device(other, "cpu") == "cpu"
    assert (other.gpu, card.taken(0)) == (None, 0)
    assert_same(plain.search(QUERIES, 3), other.search(QUERIES, 3), "flat")


def test_a_forked_process_is_told_and_served_by_the_cpu(card: FakeFaiss) -> None:
    plain, other = pair("flat")
    expected = plain.search(QUERIES[:4], 3)
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def child() -> None:
        faiss.omp_set_num_threads(1)  # OpenMP's threads do not survive a fork either
        found = other.search(QUERIES[:4], 3)
        sender.send((found.ids.tolist(), other.gpu.reason if other.gpu else None))

    process = context.Process(target=child)
    process.start()
    assert receiver.poll(PATIENCE)
    ids, reason = receiver.recv()
    process.join(PATIENCE)
    assert ids == expected.ids.tolist()
    assert "forked" in reason
    before = batches(other)
    other.search(QUERIES[:4], 3)
    assert batches(other) == before + 1


def test_auto_leaves_small_indexes_to_the_cpu(card: FakeFaiss, monkeypatch: pytest.MonkeyPatch) -> None:
    index = made("flat")
    assert use_device(index, "auto") == "cuda:0"
    index.search(QUERIES, 3)
    assert index.gpu is not None
    assert (index.gpu.batches, card.clones) == (0, 0)
    assert "fewer than 50000 vectors" in (index.gpu.reason or "")
    monkeypatch.setattr("tersus.indexes.device._WORTH", COUNT)
    use_device(index, "auto")
    index.search(QUERIES, 3)
    assert index.gpu.batches == 1


@pytest.mark.parametrize("kind", ["ivf-flat", "ivf-sq8", "ivf-pq"])
def test_a_graph_over_centroids_is_replaced_for_the_card(
    card: FakeFaiss, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tersus.indexes.ivf._GRAPH_FROM", 10)
    plain, other = pair(kind, lists=25)
    source = other.gpu_source()
    assert isinstance(faiss.downcast_index(source.quantizer), faiss.IndexHNSWFlat)
    flat = _with_flat_centroids(faiss, source)
    everywhere = faiss.SearchParametersIVF(nprobe=25)
    for one, two in zip(
        source.search(QUERIES, 20, params=everywhere),
        flat.search(QUERIES, 20, params=everywhere),
        strict=True,
    ):
        np.testing.assert_allclose(one, two, atol=1e-6)
    del flat
    gc.collect()
    assert_same(plain.search(QUERIES, 10), other.search(QUERIES, 10), kind)
    assert batches(other) == 1


def test_wide_product_codes_use_half_precision_tables(card: FakeFaiss) -> None:
    index = create_index("ivf-pq", 64, train_at=600, code_bytes=64)
    assert isinstance(index, AnnIndex)
    index.few = 0  # type: ignore[misc]
    index.add(np.arange(1000), np.random.default_rng(0).normal(size=(1000, 64)))
    use_device(index, "cuda")
    assert index.gpu is not None
    assert index.gpu.reason is None


def test_k_means_runs_on_the_card_and_falls_back(card: FakeFaiss, caplog: pytest.LogCaptureFixture) -> None:
    expected = train_centroids(VECTORS, 10)
    assert train_centroids(VECTORS, 10, device="cuda").tobytes() == expected.tobytes()
    assert card.clones == 3  # a start each
    card.failing["k-means"] = OUT_OF_MEMORY
    with caplog.at_level(logging.WARNING, logger="tersus"):
        assert train_centroids(VECTORS, 10, device="auto").tobytes() == expected.tobytes()
    assert "out of memory" in caplog.text


def test_devices_are_resolved(card: FakeFaiss, caplog: pytest.LogCaptureFixture) -> None:
    card.cards = 2
    assert [resolve(name) for name in ("auto", "cpu", "cuda", "cuda:1")] == [
        "cuda:0",
        "cpu",
        "cuda:0",
        "cuda:1",
    ]
    assert not caplog.records
    assert resolve("cuda:2") == "cpu"
    assert "there is no cuda:2" in caplog.text
    assert choose("auto") == ("cuda:0", "FAISS sees 2 GPUs")
    card.cards = 0
    assert choose("auto") == ("cpu", "FAISS sees 0 GPUs")


def test_without_a_gpu_build_all_is_the_cpus(caplog: pytest.LogCaptureFixture) -> None:
    if hasattr(faiss, "StandardGpuResources"):
        pytest.skip("this FAISS has GPU support")
    assert choose("auto") == ("cpu", "this build of FAISS has no GPU support")
    index = create_index("flat", 2, device="auto")
    assert isinstance(index, FlatIndex)
    assert (index.device, index.gpu) == ("cpu", None)
    assert not caplog.records
    assert use_device(index, "cuda:0") == "cpu"
    assert "no GPU support" in caplog.text


@pytest.mark.parametrize(
    "device", ["gpu", "cuda:", "cuda:x", "cuda:-1", "CPU", "", "cuda:²", "cpu:0", None, 3]
)
def test_other_devices_are_refused(device: Any) -> None:
    with pytest.raises(InvalidInput, match="no device is called"):
        resolve(device)
    with pytest.raises(InvalidInput, match="no device is called"):
        create_index("flat", 2, device=device)


@pytest.mark.parametrize("memory", [-1, 1.5, True, "1"])
def test_memory_is_a_whole_number(memory: Any) -> None:
    with pytest.raises(InvalidInput, match="gpu_memory_mb"):
        create_index("ivf-flat", 2, device="auto", gpu_memory_mb=memory)
