"""A reference search in plain Python, and every index kind that is registered."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray
from tersus.indexes import Index, SearchResult, available_indexes, create_index

Vector: TypeAlias = Sequence[float] | NDArray[np.float32] | NDArray[np.float64]
CheckSearch: TypeAlias = Callable[..., SearchResult]


def unit(vector: Vector) -> list[float]:
    """The vector at length 1, each component rounded to float32 once."""
    values = [float(value) for value in vector]
    length = math.sqrt(math.fsum(value * value for value in values))
    return [float(np.float32(value / length)) for value in values]


def nearest(
    stored: Mapping[int, Vector], query: Vector, k: int, allowed: Collection[int] | None = None
) -> list[tuple[int, float]]:
    """(id, cosine) of the best k: exact sums, rounded to float32, ties by id."""
    asked = unit(query)
    scored = []
    for name, vector in stored.items():
        if allowed is None or name in allowed:
            cosine = math.fsum(a * b for a, b in zip(asked, unit(vector), strict=True))
            scored.append((-float(np.float32(cosine)), name))
    return [(name, -score) for score, name in sorted(scored)[:k]]


@pytest.fixture
def check_search() -> CheckSearch:
    """Search ``index``, compare every id and score with brute force over ``stored``; returns the result."""

    def check(
        index: Index,
        stored: Mapping[int, Vector],
        queries: Sequence[Vector] | NDArray[np.float64],
        k: int,
        allowed: Collection[int] | None = None,
    ) -> SearchResult:
        given = None if allowed is None else list(allowed)
        found = index.search(np.asarray(queries), k, allowed=given)
        assert found.ids.dtype == np.int64
        assert found.scores.dtype == np.float32
        assert found.ids.shape == found.scores.shape == (len(queries), k)
        for row, query in enumerate(queries):
            best = nearest(stored, query, k, allowed)
            missing = k - len(best)
            assert found.ids[row].tolist() == [name for name, _ in best] + [-1] * missing
            expected = [score for _, score in best] + [-math.inf] * missing
            np.testing.assert_allclose(found.scores[row], expected, rtol=0, atol=2e-7)
        return found

    return check


@pytest.fixture(params=available_indexes())
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make_index(kind: str) -> Callable[[int], Index]:
    return lambda dimension: create_index(kind, dimension)
