"""Times are taken in turns, and each arm meets every batch as often."""

from __future__ import annotations

from collections import Counter
from itertools import count

import numpy as np
import pytest
from numpy.typing import NDArray
from tersus.eval.index_bench.kind import batches_of
from tersus.eval.index_bench.turns import in_turns, latencies, median_ratio

BATCHES = [np.full((2, 1), number, dtype=np.float32) for number in range(4)]


class Clock:
    """Stands still, except where an arm moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_each_arm_has_its_own_time_and_meets_every_batch_as_often() -> None:
    clock, met, order = Clock(), {"fast": Counter[float](), "slow": Counter[float]()}, []

    def arm(name: str, takes: float) -> object:
        def search(queries: NDArray[np.float32]) -> None:
            met[name][float(queries[0, 0])] += 1
            order.append(name)
            clock.now += takes

        return search

    arms = {"fast": arm("fast", 1.0), "slow": arm("slow", 3.0)}
    taken = in_turns(arms, BATCHES, rounds=3, seconds=1e9, clock=clock)  # type: ignore[arg-type]
    assert taken == {"fast": [1.0] * 12, "slow": [3.0] * 12}
    assert median_ratio(taken["slow"], taken["fast"]) == 3.0
    for name in arms:
        met[name][0.0] -= 1  # the first search, which is not timed
        assert met[name] == {0.0: 3, 1.0: 3, 2.0: 3, 3.0: 3}
    assert order[2:6] == ["fast", "slow", "slow", "fast"]


@pytest.mark.parametrize(("seconds", "turns"), [(10.5, 11), (0.5, 8), (100.0, 40)])
def test_no_turn_begins_after_the_time_but_eight_are_made(seconds: float, turns: int) -> None:
    clock = Clock()

    def search(queries: NDArray[np.float32]) -> None:
        clock.now += 1.0

    taken = in_turns({"one": search}, BATCHES, rounds=10, seconds=seconds, clock=clock)
    assert len(taken["one"]) == turns


def test_the_median_forgives_one_slow_turn() -> None:
    assert median_ratio([2.0, 2.0, 90.0], [1.0, 1.0, 1.0]) == 2.0


def test_single_queries_are_asked_one_by_one() -> None:
    sizes, numbers = [], count()

    def search(queries: NDArray[np.float32]) -> None:
        sizes.append(len(queries))
        next(numbers)

    half, most = latencies(search, np.zeros((20, 3), dtype=np.float32))
    assert sizes == [1] * 21
    assert 0 <= half <= most


def test_only_whole_batches_are_asked() -> None:
    queries = np.arange(20, dtype=np.float32).reshape(10, 2)
    assert [len(batch) for batch in batches_of(queries, 4)] == [4, 4]
    np.testing.assert_array_equal(np.concatenate(batches_of(queries, 4)), queries[:8])
    assert [len(batch) for batch in batches_of(queries, 32)] == [10]
