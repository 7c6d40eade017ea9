"""What every registered index kind must do, against brute force."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tersus.indexes import DuplicateId, Index, load_snapshot, save_snapshot

Make = Callable[[int], Index]
Check = Callable[..., Any]


def random_vectors(count: int, dimension: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(count, dimension))


def spread_ids(count: int, seed: int = 0) -> NDArray[np.int64]:
    """Unique ids in random order, among them 0 and the largest."""
    ids = np.random.default_rng(seed).choice(10**12, size=count, replace=False)
    ids[:2] = 0, 2**63 - 1
    return ids


def filled(make_index: Make, count: int, dimension: int) -> tuple[Index, dict[int, NDArray[np.float64]]]:
    ids, vectors = spread_ids(count), random_vectors(count, dimension)
    index = make_index(dimension)
    index.add(ids, vectors)
    return index, dict(zip(ids.tolist(), vectors, strict=True))


@pytest.mark.parametrize("dimension", [1, 2, 7, 64, 384])
def test_random_vectors_are_found_as_by_brute_force(
    make_index: Make, check_search: Check, dimension: int
) -> None:
    index, stored = filled(make_index, 60, dimension)
    check_search(index, stored, random_vectors(5, dimension, seed=1), 10)


@pytest.mark.parametrize("k", [1, 59, 60, 61, 200])
def test_k_up_to_and_beyond_the_count_is_padded(make_index: Make, check_search: Check, k: int) -> None:
    index, stored = filled(make_index, 60, 8)
    found = check_search(index, stored, random_vectors(3, 8, seed=1), k)
    assert (found.ids[:, 60:] == -1).all()
    assert np.isneginf(found.scores[:, 60:]).all()


def test_length_does_not_matter_only_direction(make_index: Make) -> None:
    index = make_index(2)
    index.add([5, 6], [[1e-30, 0.0], [0.0, 1e30]])
    found = index.search([[3e200, 0.0], [4e-300, 4e-300]], 2)
    assert found.ids.tolist() == [[5, 6], [5, 6]]
    np.testing.assert_allclose(found.scores, [[1, 0], [0.5**0.5, 0.5**0.5]], rtol=0, atol=1e-7)


def test_opposite_vectors_score_minus_one_and_stand_before_padding(make_index: Make) -> None:
    index = make_index(3)
    index.add([9], [[1.0, 2.0, 3.0]])
    found = index.search([[-1.0, -2.0, -3.0]], 2)
    assert found.ids.tolist() == [[9, -1]]
    np.testing.assert_allclose(found.scores, [[-1, -np.inf]], rtol=0, atol=1e-7)


@pytest.mark.parametrize("k", [1, 3, 30, 50])
def test_equal_vectors_tie_and_the_lowest_ids_win(make_index: Make, check_search: Check, k: int) -> None:
    vectors = random_vectors(3, 16)
    ids = np.random.default_rng(2).permutation(90)
    index = make_index(16)
    index.add(ids, np.repeat(vectors, 30, axis=0))
    stored = {int(name): vectors[place // 30] for place, name in enumerate(ids)}
    check_search(index, stored, vectors, k)


def test_an_empty_index_finds_nothing(make_index: Make) -> None:
    index = make_index(4)
    found = index.search(random_vectors(2, 4), 3)
    assert found.ids.tolist() == [[-1, -1, -1]] * 2
    assert np.isneginf(found.scores).all()
    assert len(index) == 0
    assert index.ids().tolist() == []
    assert f"kind={index.kind} dimension=4 count=0" in repr(index)


def test_no_queries_give_no_rows(make_index: Make) -> None:
    index, _ = filled(make_index, 5, 4)
    assert index.search(np.empty((0, 4)), 3).ids.shape == (0, 3)
    assert index.search([], 3).scores.shape == (0, 3)


def test_one_vector_is_found(make_index: Make, check_search: Check) -> None:
    index = make_index(4)
    index.add([0], [[1, 2, 3, 4]])
    check_search(index, {0: [1, 2, 3, 4]}, random_vectors(3, 4), 2)


def test_removed_vectors_are_gone_and_the_rest_stay(make_index: Make, check_search: Check) -> None:
    index, stored = filled(make_index, 60, 8)
    gone = list(stored)[::2]
    assert index.remove([*gone, gone[0], 10**15, -7]) == 30
    assert index.remove(gone) == 0
    for name in gone:
        del stored[name]
    assert index.ids().tolist() == sorted(stored)
    assert len(index) == 30
    check_search(index, stored, random_vectors(4, 8, seed=3), 40)


def test_all_can_be_removed_and_added_again(make_index: Make, check_search: Check) -> None:
    index, stored = filled(make_index, 20, 8)
    assert index.remove(index.ids()) == 20
    assert len(index) == 0
    again = dict(zip(stored, random_vectors(20, 8, seed=9), strict=True))
    index.add(list(again), np.array(list(again.values())))
    check_search(index, again, random_vectors(4, 8, seed=3), 20)


def test_adding_in_parts_equals_adding_at_once(make_index: Make, check_search: Check) -> None:
    ids, vectors = spread_ids(50), random_vectors(50, 8)
    index = make_index(8)
    for start in range(0, 50, 7):
        index.add(ids[start : start + 7], vectors[start : start + 7])
    assert index.ids().tolist() == sorted(ids.tolist())
    check_search(index, dict(zip(ids.tolist(), vectors, strict=True)), random_vectors(3, 8, seed=1), 50)


@pytest.mark.parametrize("share", [1, 2, 10, 59])
@pytest.mark.parametrize("k", [1, 5, 60])
def test_allowed_ids_alone_are_considered(make_index: Make, check_search: Check, share: int, k: int) -> None:
    index, stored = filled(make_index, 60, 8)
    allowed = list(stored)[::share]
    check_search(index, stored, random_vectors(4, 8, seed=1), k, allowed)


def test_allowed_ids_may_be_unknown_repeated_or_none(make_index: Make, check_search: Check) -> None:
    index, stored = filled(make_index, 20, 8)
    some = list(stored)[3:6]
    queries = random_vectors(2, 8, seed=1)
    check_search(index, stored, queries, 5, [*some, some[0], 10**15, -1])
    check_search(index, stored, queries, 5, [10**15])
    check_search(index, stored, queries, 5, [])


def test_ties_among_allowed_ids_go_to_the_lowest(make_index: Make, check_search: Check) -> None:
    vector = random_vectors(1, 8)[0]
    index = make_index(8)
    index.add(np.arange(100)[::-1], np.tile(vector, (100, 1)))
    allowed = list(range(1, 100, 3))
    check_search(index, dict.fromkeys(range(100), vector), [vector], 4, allowed)


def test_an_id_that_is_there_is_refused_and_nothing_is_added(make_index: Make, check_search: Check) -> None:
    index, stored = filled(make_index, 10, 8)
    with pytest.raises(DuplicateId, match="are in the index already") as caught:
        index.add([123456, list(stored)[4]], random_vectors(2, 8, seed=5))
    assert caught.value.code == "duplicate_id"
    with pytest.raises(DuplicateId, match="ids 77 come twice"):
        index.add([77, 78, 77], random_vectors(3, 8, seed=5))
    assert index.ids().tolist() == sorted(stored)
    check_search(index, stored, random_vectors(2, 8, seed=6), 12)


def test_the_caller_may_change_its_arrays_afterwards(make_index: Make, check_search: Check) -> None:
    index = make_index(8)
    ids, vectors = np.arange(10), random_vectors(10, 8).astype(np.float32)
    stored = dict(enumerate(vectors.copy()))
    index.add(ids, vectors)
    ids[:], vectors[:] = 99, 1.0
    index.ids()[:] = 99
    assert index.ids().tolist() == list(range(10))
    check_search(index, stored, random_vectors(2, 8, seed=6), 10)


def test_a_score_does_not_depend_on_the_batch(make_index: Make) -> None:
    index, _ = filled(make_index, 300, 48)
    queries = random_vectors(40, 48, seed=4)
    together = index.search(queries, 7)
    for row in range(40):
        alone = index.search(queries[row : row + 1], 7)
        assert alone.ids[0].tolist() == together.ids[row].tolist()
        assert alone.scores[0].tolist() == together.scores[row].tolist()


@pytest.mark.parametrize("count", [0, 1, 40])
def test_a_snapshot_restores_an_equal_index_that_can_be_changed(
    make_index: Make, check_search: Check, tmp_path: Path, count: int
) -> None:
    index = make_index(8)
    ids, vectors = spread_ids(40), random_vectors(40, 8)
    index.add(ids, vectors)
    index.remove(ids[count:])
    stored = dict(zip(ids[:count].tolist(), vectors, strict=False))
    save_snapshot(index, tmp_path / "snapshot", sequence=5, embedding_model="m")
    loaded, info = load_snapshot(tmp_path / "snapshot")
    assert (info.kind, info.dimension, info.count) == (index.kind, 8, count)
    assert type(loaded) is type(index)
    assert loaded.ids().tolist() == index.ids().tolist()
    queries = random_vectors(5, 8, seed=1)
    before, after = index.search(queries, 9), loaded.search(queries, 9)
    assert before.ids.tolist() == after.ids.tolist()
    assert before.scores.tolist() == after.scores.tolist()
    loaded.add([555], vectors[:1])
    assert loaded.remove(ids[:1]) == min(count, 1)
    stored.pop(0, None)
    check_search(loaded, stored | {555: vectors[0]}, queries, 9)
