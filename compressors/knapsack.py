"""Exact combinations of spans whose tokens fall into a window."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .costs import Costs

__all__ = ["best_sets"]

_MAX_CELLS = 20_000_000  # beyond it spans are tiny beside the budget, and greedy selection is exact enough
_ERROR = 4  # tokens by which the estimates may be off
_TRIES = 16


def best_sets(costs: Costs, low: float, high: float) -> Iterator[list[int]]:
    """Sets of spans with an estimated total around ``low..high``, those with the best spans first.

    A grouped 0/1 knapsack by dynamic programming over tokens: state ``closed[t]`` is the
    best value at ``t`` tokens before the current passage, ``opened[t]`` with at least one
    span of it taken, whose overhead is paid once. O(spans x high) time and memory.
    """
    size = int(high) + _ERROR + 1
    count = len(costs.tokens)
    if count == 0 or size <= 0 or count * size > _MAX_CELLS:
        return
    value = costs.values()
    # choice[i, t]: 0 span i not taken, 1 taken as one of several, 2 taken as the first of its passage
    choice = np.zeros((count, size), dtype=np.int8)
    from_open = np.zeros((len(costs.overhead), size), dtype=bool)
    closed = np.full(size, -np.inf)
    closed[0] = 0.0
    opened = np.full(size, -np.inf)
    for i in range(count):
        passage = costs.passage[i]
        if i == 0 or costs.passage[i - 1] != passage:
            opened = np.full(size, -np.inf)
        more = _shift(opened, costs.tokens[i]) + value[i]
        first = _shift(closed, costs.tokens[i] + costs.overhead[passage]) + value[i]
        choice[i] = np.where(more > opened, 1, 0)
        opened = np.maximum(opened, more)
        choice[i] = np.where(first > opened, 2, choice[i])
        opened = np.maximum(opened, first)
        if i == count - 1 or costs.passage[i + 1] != passage:
            from_open[passage] = opened > closed
            closed = np.maximum(closed, opened)
    window = range(max(1, int(low) - _ERROR), size)
    totals = sorted((t for t in window if np.isfinite(closed[t])), key=lambda t: -closed[t])
    for total in totals[:_TRIES]:
        yield _trace(costs, choice, from_open, total)


def _shift(values: np.ndarray, by: int) -> np.ndarray:
    out = np.full_like(values, -np.inf)
    if by < len(values):
        out[by:] = values[: len(values) - by]
    return out


def _trace(costs: Costs, choice: np.ndarray, from_open: np.ndarray, total: int) -> list[int]:
    """Walk back from ``total`` tokens, passage by passage, to the spans that make it up."""
    chosen: list[int] = []
    inside = False
    last = i = len(costs.tokens) - 1
    while i >= 0:
        passage = costs.passage[i]
        if i == last or costs.passage[i + 1] != passage:
            inside = bool(from_open[passage, total])
        if inside and choice[i, total]:
            chosen.append(i)
            first = choice[i, total] == 2
            total -= costs.tokens[i] + (costs.overhead[passage] if first else 0)
            inside = not first
        i -= 1
    return chosen[::-1]
