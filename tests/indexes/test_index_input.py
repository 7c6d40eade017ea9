"""What an index refuses, and what it converts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tersus.errors import InvalidInput
from tersus.indexes import Index, InvalidIds, InvalidVectors, create_index

Make = Callable[[int], Index]


@pytest.mark.parametrize("dimension", [0, -1, 1.5, "3", None, True, 65_537])
def test_an_impossible_dimension_is_refused(kind: str, dimension: Any) -> None:
    with pytest.raises(InvalidInput, match="dimension is"):
        create_index(kind, dimension)


@pytest.mark.parametrize(
    ("vectors", "reason"),
    [
        ([1.0, 2.0, 3.0], r"shape \[3\]"),
        ([[1.0, 2.0]], r"shape \[1, 2\]"),
        ([[[1.0, 2.0, 3.0]]], r"shape \[1, 1, 3\]"),
        ([[1.0, 2.0, 3.0], [1.0]], "cannot be made an array"),
        ([["a", "b", "c"]], "type <U1"),
        ([[1j, 2.0, 3.0]], "type complex128"),
        ([[True, False, True]], "type bool"),
        ([[1.0, float("nan"), 3.0]], "row 0 of .* NaN or infinity"),
        ([[1.0, 2.0, 3.0], [1.0, 2.0, float("-inf")]], "row 1 of .* NaN or infinity"),
        ([[1.0, 2.0, 3.0], [0.0, -0.0, 0.0]], "row 1 of .* only zeros"),
    ],
)
def test_unusable_vectors_are_refused_everywhere(make_index: Make, vectors: Any, reason: str) -> None:
    index = make_index(3)
    with pytest.raises(InvalidVectors, match=reason) as caught:
        index.add(list(range(len(vectors))), vectors)
    assert caught.value.code == "invalid_vectors"
    assert caught.value.hint
    with pytest.raises(InvalidVectors, match=reason):
        index.search(vectors, 1)
    assert len(index) == 0


def test_a_bad_row_far_down_is_named(make_index: Make) -> None:
    vectors = np.ones((40_000, 2))
    vectors[33_333] = 0
    with pytest.raises(InvalidVectors, match="row 33333 of"):
        make_index(2).add(np.arange(40_000), vectors)


@pytest.mark.parametrize(
    ("ids", "reason"),
    [
        ([1.0, 2.0], "type float64"),
        ([True, False], "type bool"),
        (["1", "2"], "type <U1"),
        ([[1, 2]], r"shape \[1, 2\]"),
        ([1, 2**80], "type object"),
        (np.array([1, 2**63], dtype=np.uint64), "9223372036854775808"),
    ],
)
def test_unusable_ids_are_refused_everywhere(make_index: Make, ids: Any, reason: str) -> None:
    index = make_index(2)
    for call in (
        lambda: index.add(ids, [[1, 0], [0, 1]]),
        lambda: index.remove(ids),
        lambda: index.search([[1, 0]], 1, allowed=ids),
    ):
        with pytest.raises(InvalidIds, match=reason):
            call()


def test_a_negative_id_cannot_be_added(make_index: Make) -> None:
    with pytest.raises(InvalidIds, match="id -1 is negative"):
        make_index(2).add([3, -1], [[1, 0], [0, 1]])


def test_each_vector_needs_one_id(make_index: Make) -> None:
    with pytest.raises(InvalidIds, match="1 ids for 2 vectors"):
        make_index(2).add([1], [[1, 0], [0, 1]])


@pytest.mark.parametrize("k", [0, -3, 2.0, "5", None, True])
def test_k_must_be_a_whole_number_from_one(make_index: Make, k: Any) -> None:
    index = make_index(2)
    index.add([1], [[1, 0]])
    with pytest.raises(InvalidInput, match="k is"):
        index.search([[1, 0]], k)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", "i1", "u8", "g"])
def test_any_real_type_and_memory_order_is_converted(make_index: Make, check_search: Any, dtype: str) -> None:
    vectors = np.asfortranarray(np.array([[1, 2, 3], [3, 1, 0], [0, 0, 7], [9, 9, 9]], dtype=dtype))[::2]
    index = make_index(3)
    index.add(np.array([4, 2], dtype=">i4"), vectors)
    check_search(index, {4: [1, 2, 3], 2: [0, 0, 7]}, [[1, 2, 2]], 2)


def test_nothing_can_be_added_and_removed(make_index: Make) -> None:
    index = make_index(3)
    index.add([], [])
    index.add(np.empty(0, dtype=np.int64), np.empty((0, 3)))
    assert index.remove([]) == 0
    assert len(index) == 0
