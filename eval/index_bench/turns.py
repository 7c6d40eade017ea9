"""The time that batches of queries take, several arms in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Arm", "in_turns", "latencies", "median_ratio"]

Arm = Callable[[NDArray[np.float32]], Any]
"""A search for the neighbours of queries ``[n, dimension]``."""
_AT_LEAST = 8


def in_turns(
    arms: Mapping[str, Arm],
    batches: Sequence[NDArray[np.float32]],
    *,
    rounds: int,
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of each arm for each turn, as many turns for all.

    In a turn every arm searches once; who begins changes from turn to turn. The arms are at different
    batches, so that none finds in the processor's cache what another has just looked at; over ``rounds``
    rounds each meets every batch as often. No more turns are begun after ``seconds``, but eight are made.
    """
    names = list(arms)
    for name in names:
        arms[name](batches[0])  # what is set up by a first search
    shift = max(1, len(batches) // max(1, len(names)))
    taken: dict[str, list[float]] = {name: [] for name in names}
    began = clock()
    for turn in range(rounds * len(batches)):
        if turn >= _AT_LEAST and clock() - began > seconds:
            break
        for place in range(len(names)):
            number = (turn + place) % len(names)
            batch = batches[(turn + shift * number) % len(batches)]
            started = clock()
            arms[names[number]](batch)
            taken[names[number]].append(clock() - started)
    return taken


def median_ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median of ``above`` by that of ``below``: how many times as long."""
    return statistics.median(above) / statistics.median(below)


def latencies(arm: Arm, queries: NDArray[np.float32]) -> tuple[float, float]:
    """Median and 99th percentile of the seconds that one query takes alone."""
    arm(queries[:1])
    taken = []
    for number in range(len(queries)):
        one = queries[number : number + 1]
        started = time.perf_counter()
        arm(one)
        taken.append(time.perf_counter() - started)
    return float(np.percentile(taken, 50)), float(np.percentile(taken, 99))
