"""The approximate kinds once their structure is made, against brute force."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tersus.errors import InvalidInput
from tersus.indexes import IndexDump, InvalidDump, IvfFlatIndex, create_index, load_snapshot, save_snapshot
from tersus.indexes.ann import AnnIndex
from tersus.indexes.effort import least_effort, recall
from tersus.indexes.ivf import IvfIndex

DIMENSION = 32
COUNT = 3000
KINDS = ("hnsw", "ivf-flat", "ivf-sq8", "ivf-pq")
EXACT_SCORES = ("hnsw", "ivf-flat")


def clustered(count: int, seed: int = 0, centres: int = 40) -> NDArray[np.float32]:
    """Unit vectors around centres, as embeddings of documents lie; the centres are always the same."""
    rng = np.random.default_rng(seed)
    middle = np.random.default_rng(99).normal(size=(centres, DIMENSION))
    vectors = middle[rng.integers(0, centres, count)] + rng.normal(scale=0.6, size=(count, DIMENSION))
    unit: NDArray[np.float32] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


VECTORS = clustered(COUNT)
IDS = np.random.default_rng(5).permutation(10 * COUNT)[:COUNT].astype(np.int64)
QUERIES = clustered(50, seed=1)


def brute(
    ids: NDArray[np.int64], vectors: NDArray[np.float32], k: int, queries: NDArray[np.float32] = QUERIES
) -> NDArray[np.int64]:
    """The true neighbours, ``[n, k]``."""
    scores = queries.astype(np.float64) @ vectors.astype(np.float64).T
    return ids[np.argsort(-scores, axis=1, kind="stable")[:, :k]]


@pytest.fixture(params=KINDS)
def ann_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make(ann_kind: str) -> Callable[..., AnnIndex]:
    def build(**options: Any) -> AnnIndex:
        if ann_kind == "ivf-pq":  # errors of codes average out over hundreds of components, not over 32
            options = {"code_bytes": 16, "refine_bits": 8, **options}
        index = create_index(ann_kind, DIMENSION, **{"train_at": 1000, "recall": 0.95, **options})
        assert isinstance(index, AnnIndex)
        # Compare all only where the test is about that: 3,000 vectors are few.
        index.few, index.narrow = 0, 0.0  # type: ignore[misc]
        return index

    return build


def made(index: AnnIndex) -> bool:
    """Whether the structure is made; a call, because a type checker takes a property for constant."""
    return index.trained


def filled(make: Callable[..., AnnIndex], **options: Any) -> AnnIndex:
    index = make(**options)
    for start in range(0, COUNT, 700):
        index.add(IDS[start : start + 700], VECTORS[start : start + 700])
    index.finish(QUERIES)
    assert made(index)
    return index


def test_until_the_structure_is_made_search_is_exact(make: Callable[..., AnnIndex]) -> None:
    index = make()
    index.add(IDS[:999], VECTORS[:999])
    assert not made(index)
    assert index.stale() is None
    exact = brute(IDS[:999], VECTORS[:999], 10)
    assert index.search(QUERIES, 10).ids.tolist() == exact.tolist()
    index.add(IDS[999:1000], VECTORS[999:1000])
    assert made(index)
    assert index.ids().tolist() == sorted(IDS[:1000].tolist())
    assert recall(index.search(QUERIES, 10).ids, brute(IDS[:1000], VECTORS[:1000], 10)) > 0.85


def test_a_tuned_index_finds_the_share_of_neighbours_it_was_asked_for(make: Callable[..., AnnIndex]) -> None:
    index = filled(make, recall=0.9)
    true = brute(IDS, VECTORS, 10)
    fresh = clustered(200, seed=7)  # not those it was tuned with
    found = recall(index.search(fresh, 10).ids, brute(IDS, VECTORS, 10, fresh))
    assert found > 0.85
    index.few = COUNT  # type: ignore[misc]
    everything = recall(index.search(QUERIES, 10).ids, true)
    assert everything == 1 if index.kind in EXACT_SCORES else everything > 0.95


def test_scores_are_cosines_within_the_error_the_kind_states(make: Callable[..., AnnIndex]) -> None:
    index = filled(make)
    found = index.search(QUERIES, 10)
    place = {int(name): row for row, name in enumerate(IDS)}
    rows = np.array([[place[int(name)] for name in line] for line in found.ids])
    cosines = np.einsum("nkd,nd->nk", VECTORS[rows].astype(np.float64), QUERIES.astype(np.float64))
    off = np.abs(found.scores - cosines)
    assert np.quantile(off, 0.99) <= index.score_error
    assert off.max() <= 2 * index.score_error
    assert (np.diff(found.scores, axis=1) <= 0).all()


def test_removed_vectors_are_never_found_and_may_come_back(make: Callable[..., AnnIndex]) -> None:
    index = filled(make)
    gone, there = IDS[::3], np.setdiff1d(np.arange(COUNT), np.arange(COUNT)[::3])
    assert index.remove(gone) == len(gone)
    assert index.tombstones == len(gone)
    found = index.search(QUERIES, 20)
    assert not np.isin(found.ids, gone).any()
    assert recall(found.ids, brute(IDS[there], VECTORS[there], 20)) > 0.85
    # One id comes back with another vector: the old one is not found under it.
    index.add(gone[:1], -VECTORS[:1])
    assert index.search(-VECTORS[:1], 1).ids.tolist() == [[gone[0]]]
    assert gone[0] not in index.search(VECTORS[:1], 50).ids
    assert index.remove(gone[:1]) == 1
    assert gone[0] not in index.search(-VECTORS[:1], 50).ids


@pytest.mark.parametrize("share", [1, 2, 20, 1000])
@pytest.mark.parametrize("few", [0, 5000])
def test_only_allowed_ids_are_found_and_a_narrow_filter_costs_no_recall(
    make: Callable[..., AnnIndex], share: int, few: int
) -> None:
    index = filled(make)
    index.few = few  # type: ignore[misc]
    index.remove(IDS[1::2])
    allowed = IDS[::share][:1500]
    living = np.isin(IDS, allowed) & np.isin(IDS, index.ids())
    k = min(10, int(living.sum()))
    found = index.search(QUERIES, k, allowed=allowed)
    assert np.isin(found.ids, [*IDS[living], -1]).all()
    true = brute(IDS[living], VECTORS[living], k)
    if few and index.kind in EXACT_SCORES:
        assert found.ids.tolist() == true.tolist()
    else:
        assert recall(found.ids, true) > 0.85


@pytest.mark.parametrize("removed", [False, True])
def test_what_lies_far_from_where_a_search_looks_is_found_all_the_same(
    make: Callable[..., AnnIndex], removed: bool
) -> None:
    # All that may be found is in other clusters than the questions.
    near = (VECTORS @ QUERIES[0]) > 0.3
    index = filled(make)
    if removed:
        index.remove(IDS[near])
    found = index.search(QUERIES[:1], 10, allowed=None if removed else IDS[~near])
    assert (found.ids >= 0).all()
    assert np.isin(found.ids, IDS[~near]).all()
    # By default, such a filter is looked through whole.
    index.few, index.narrow = 0, 1.0  # type: ignore[misc]
    found = index.search(QUERIES[:1], 10, allowed=IDS[~near])
    true = brute(IDS[~near], VECTORS[~near], 10, QUERIES[:1])
    assert recall(found.ids, true) == 1 if index.kind in EXACT_SCORES else recall(found.ids, true) > 0.8


def test_more_neighbours_than_the_lists_looked_at_hold_are_found(make: Callable[..., AnnIndex]) -> None:
    index = filled(make, effort=1)
    found = index.search(QUERIES[:3], COUNT)
    assert (np.sort(found.ids, axis=1) == np.sort(IDS)).all()


def test_an_index_that_becomes_approximate_by_itself_is_tuned(make: Callable[..., AnnIndex]) -> None:
    index = make(train_at=COUNT, recall=0.99)
    index.add(IDS, VECTORS)
    assert made(index)
    fresh = clustered(200, seed=8)
    lost = 0.0 if index.kind in EXACT_SCORES else 0.05  # by codes
    assert recall(index.search(fresh, 10).ids, brute(IDS, VECTORS, 10, fresh)) > 0.96 - lost


def test_an_index_may_leave_learning_to_others(make: Callable[..., AnnIndex]) -> None:
    index = make()
    index.learns_by_itself = False
    index.add(IDS[:999], VECTORS[:999])
    assert index.stale() is None
    index.add(IDS[999:1500], VECTORS[999:1500])
    assert not made(index)
    assert index.stale() == "1500 vectors are compared one by one"


@pytest.mark.parametrize("kind", ["ivf-flat", "ivf-sq8", "ivf-pq"])
def test_lists_that_fail_to_take_rows_keep_none_of_them(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    index = create_index(kind, DIMENSION, train_at=1000, effort=30)
    assert isinstance(index, IvfIndex)
    index.add(IDS[:2000], VECTORS[:2000])
    lists = index._inverted
    add = lists.add_with_ids

    def half(vectors: NDArray[np.float32], rows: NDArray[np.int64]) -> None:
        add(vectors[:200], rows[:200])
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(lists, "add_with_ids", half)
        with pytest.raises(MemoryError):
            index.add(IDS[2000:2500], -VECTORS[2000:2500])
    index.add(IDS[2500:], VECTORS[2500:])
    index.few = COUNT  # type: ignore[misc]
    there = np.setdiff1d(np.arange(COUNT), np.arange(2000, 2500))
    found = index.search(QUERIES, 10)
    assert np.isin(found.ids, IDS[there]).all()
    true = brute(IDS[there], VECTORS[there], 10)
    assert recall(found.ids, true) > (0.8 if kind == "ivf-pq" else 0.95)
    again = type(index).restore(index.dump())
    again.few = COUNT  # type: ignore[misc]
    assert again.search(QUERIES, 10).ids.tolist() == found.ids.tolist()


def test_one_allowed_id_is_found_wherever_it_lies(make: Callable[..., AnnIndex]) -> None:
    index = filled(make)
    index.few = 4096  # type: ignore[misc]
    for name in IDS[:20].tolist():
        assert index.search(QUERIES[:1], 3, allowed=[name]).ids.tolist() == [[name, -1, -1]]


def test_a_snapshot_brings_back_structure_tombstones_options_and_effort(
    make: Callable[..., AnnIndex], tmp_path: Path
) -> None:
    index = filled(make, recall=0.8)
    index.remove(IDS[:100])
    save_snapshot(index, tmp_path / "snapshot", sequence=1, embedding_model="m")
    loaded, _ = load_snapshot(tmp_path / "snapshot")
    assert isinstance(loaded, AnnIndex)
    loaded.few = 0  # type: ignore[misc]
    assert (loaded.options, loaded.effort, loaded.tombstones) == (index.options, index.effort, 100)
    before, after = index.search(QUERIES, 10), loaded.search(QUERIES, 10)
    assert before.ids.tolist() == after.ids.tolist()
    assert before.scores.tolist() == after.scores.tolist()
    loaded.add(IDS[:1], VECTORS[:1])
    loaded.few = COUNT  # type: ignore[misc]
    assert loaded.search(VECTORS[:1], 1).ids.tolist() == [[IDS[0]]]


def test_a_prepared_index_is_as_good_as_one_that_learned_by_itself(make: Callable[..., AnnIndex]) -> None:
    index = make()
    index.prepare(VECTORS[:10], 999)
    assert not made(index)
    index.prepare(VECTORS[::2], COUNT)
    assert made(index)
    index.add(IDS, VECTORS)
    index.finish(QUERIES)
    assert recall(index.search(QUERIES, 10).ids, brute(IDS, VECTORS, 10)) > 0.85
    with pytest.raises(InvalidInput, match="holds 3000 vectors"):
        index.prepare(VECTORS, COUNT)


def test_growth_and_removals_make_an_index_stale(make: Callable[..., AnnIndex]) -> None:
    index = make(train_at=400)
    index.add(IDS[:400], VECTORS[:400])
    assert index.stale() is None
    index.add(IDS[400:1601], VECTORS[400:1601])
    assert index.stale() == "it was made for 400 vectors and holds 1601"
    other = filled(make)
    other.remove(IDS[:1001])
    assert other.stale() == "1001 of 3000 rows are removed ones"


def test_more_neighbours_than_vectors_are_padded(make: Callable[..., AnnIndex]) -> None:
    index = filled(make)
    index.remove(IDS[5:])
    index.few = 4096  # type: ignore[misc]
    found = index.search(QUERIES, 8)
    assert (np.sort(found.ids, axis=1) == np.sort([*IDS[:5], -1, -1, -1])).all()
    assert np.isneginf(found.scores[:, 5:]).all()
    index.remove(IDS)
    assert (index.search(QUERIES, 3).ids == -1).all()
    index.add(IDS[:1], VECTORS[:1])
    assert index.search(QUERIES, 2).ids.tolist() == [[IDS[0], -1]] * len(QUERIES)


def test_an_addition_that_fails_halfway_leaves_nothing_that_is_found(
    make: Callable[..., AnnIndex], monkeypatch: pytest.MonkeyPatch
) -> None:
    index = filled(make)
    append = index._append

    def half(vectors: NDArray[np.float32], first: int) -> None:
        append(vectors[:3], first)
        raise MemoryError

    monkeypatch.setattr(index, "_append", half)
    with pytest.raises(MemoryError):
        index.add([10**9 + i for i in range(6)], -VECTORS[:6])
    monkeypatch.undo()
    index.few = 10_000  # type: ignore[misc]
    assert len(index) == COUNT
    assert (index.search(-VECTORS[:3], 5).ids < 10**9).all()
    index.add([10**9], -VECTORS[:1])
    assert index.search(-VECTORS[:1], 1).ids.tolist() == [[10**9]]


def test_a_failure_to_make_the_structure_leaves_the_exact_index(
    make: Callable[..., AnnIndex], monkeypatch: pytest.MonkeyPatch
) -> None:
    index = make()
    index.add(IDS[:900], VECTORS[:900])
    monkeypatch.setattr(index, "_append", lambda *_: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(MemoryError):
        index.add(IDS[900:1100], VECTORS[900:1100])
    assert not made(index)
    assert index.ids().tolist() == sorted(IDS[:900].tolist())
    assert index.search(QUERIES, 10).ids.tolist() == brute(IDS[:900], VECTORS[:900], 10).tolist()
    monkeypatch.undo()
    index.add(IDS[900:1100], VECTORS[900:1100])
    assert made(index)
    assert len(index) == 1100


def test_readers_beside_a_writer_never_see_a_removed_vector(make: Callable[..., AnnIndex]) -> None:
    index = filled(make)
    index.remove(IDS[:500])
    done = Event()

    def read() -> int:
        searches = 0
        while not done.is_set() or not searches:
            assert not np.isin(index.search(VECTORS[:5], 30).ids, IDS[:500]).any()
            searches += 1
        return searches

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        try:
            for _ in range(10):
                index.remove(IDS[1000:1200])
                index.add(IDS[1000:1200], VECTORS[1000:1200])
        finally:
            done.set()
        assert all(reader.result(30) for reader in readers)


@pytest.mark.parametrize(
    "options", [{"effort": -1}, {"recall": 0.2}, {"train_at": 1.5}, {"effort": True}, {"colour": 3}]
)
def test_wrong_options_are_refused(ann_kind: str, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(options))):
        create_index(ann_kind, DIMENSION, **options)


def test_a_given_effort_stays(make: Callable[..., AnnIndex]) -> None:
    assert filled(make, effort=7).effort == 7


def test_a_damaged_dump_is_refused(make: Callable[..., AnnIndex]) -> None:
    dump = filled(make).dump()
    for cut in (0, 3, 40, len(dump.payload) - 1):
        with pytest.raises(InvalidDump):
            AnnIndex.restore.__func__(  # type: ignore[attr-defined]
                type(make()), IndexDump(dump.kind, DIMENSION, dump.count, dump.payload[:cut])
            )
    with pytest.raises(InvalidDump):
        type(make()).restore(IndexDump(dump.kind, DIMENSION + 1, dump.count, dump.payload))
    with pytest.raises(InvalidDump):
        type(make()).restore(IndexDump(dump.kind, DIMENSION, dump.count + 1, dump.payload))


def test_given_centroids_are_the_lists() -> None:
    centres = clustered(25, seed=3)
    index = create_index("ivf-flat", DIMENSION, train_at=COUNT)
    index.prepare(VECTORS, COUNT, centres)
    assert isinstance(index, IvfFlatIndex)
    assert index.centroids is not None
    assert np.abs(index.centroids - centres).max() < 1e-6


@pytest.mark.parametrize(
    ("options", "match"),
    [({"code_bytes": 7}, "divisor"), ({"refine_bits": 5}, "4, 6 or 8"), ({"train_at": 100}, "too small")],
)
def test_product_codes_that_cannot_be_are_refused(options: dict[str, int], match: str) -> None:
    index = create_index("ivf-pq", DIMENSION, **{"train_at": 1000, **options})
    with pytest.raises(InvalidInput, match=match):
        index.prepare(VECTORS[: options.get("train_at", COUNT)], COUNT)


def test_recall_counts_the_true_ones_that_are_found() -> None:
    true = np.array([[1, 2, 3], [4, 5, -1]])
    assert recall(np.array([[3, 9, 1], [5, -1, -1]]), true) == 3 / 5
    assert recall(true, true) == 1


def test_the_least_effort_is_found() -> None:
    true = np.arange(100).reshape(10, 10)

    def search(effort: int) -> NDArray[np.int64]:
        return np.where(np.arange(10) < effort, true, -1)

    for wanted, effort in ((0.1, 1), (0.55, 6), (1.0, 10)):
        assert least_effort(search, true, range(1, 11), wanted) == effort
    assert least_effort(search, true, [1, 2], 0.9) == 2
