"""Seconds a query, side by side: contenders take turns question by question, so that noise hits all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ...compressors import Budget, Compressor
from ...compressors.exit import ExitCompressor
from ..bench_run import Failure
from ..data import Example, to_passages
from .aims import Aim, Figure, Target
from .batches import in_batches
from .ratio import bootstrap_ratio

__all__ = ["Contender", "TimedRow", "compressing", "time_in_turns", "time_target", "timed_rows"]

Contender = Callable[[Example], Callable[[], object]]
"""Prepares a question, which is not timed, and returns the work, which is."""
_BUDGET = Budget(ratio=0.25)


@dataclass(frozen=True, slots=True)
class TimedRow:
    """A contender's seconds a query, and by what factor of the peer's seconds on the same questions."""

    contender: str
    figures: tuple[Figure, ...]

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {"contender": self.contender, "figures": [figure.as_dict() for figure in self.figures]}


def compressing(compressor: Compressor) -> Contender:
    """``compress`` on a question's passages at ratio 0.25, one question at a time, token counts included."""

    def prepare(example: Example) -> Callable[[], object]:
        passages = to_passages(example)
        return lambda: compressor.compress(example.question, passages, _BUDGET)

    return prepare


def time_target(compressor: Compressor) -> Target | None:
    """What ``exit`` may take of the peer's time: 0.6 of it in one pass, all of it with several hops."""
    if not isinstance(compressor, ExitCompressor):
        return None
    return Target("at most", 0.6 if compressor.hops == 1 else 1.0)


def time_in_turns(
    contenders: Mapping[str, Contender],
    examples: Sequence[Example],
    *,
    warm_up: int = 2,
    clock: Callable[[], float] = time.perf_counter,
    advance: Callable[[int], None] = lambda _: None,
) -> tuple[list[dict[str, float]], list[Failure]]:
    """Wall seconds of every contender on every question, and the questions on which one of them failed.

    The first ``warm_up`` questions are done once more beforehand, uncounted: they load models. Who
    begins moves on by one with each question, so that nobody always comes after the same.

    Raises:
        NotInstalled: a contender lacks a model or package.
    """
    names = list(contenders)
    asked = 0

    def work(some: Sequence[Example]) -> list[dict[str, float]]:
        nonlocal asked
        first = asked % len(names)
        asked += 1
        jobs = {name: contenders[name](some[0]) for name in names}
        seconds: dict[str, float] = {}
        for name in names[first:] + names[:first]:
            started = clock()
            jobs[name]()
            seconds[name] = clock() - started
        return [seconds]

    in_batches(examples[:warm_up], work, batch=1)
    asked = 0
    return in_batches(examples, work, batch=1, advance=advance)


def timed_rows(
    seconds: Sequence[Mapping[str, float]], peer: str, targets: Mapping[str, Target | None], *, seed: int = 0
) -> list[TimedRow]:
    """A row for each contender in ``targets``: median and mean seconds, and both divided by the peer's.

    ``seconds`` as :func:`time_in_turns` returns them. A target applies to both ratios.
    """
    return [
        TimedRow(name, tuple(_figures([(s[name], s[peer]) for s in seconds], target, seed)))
        for name, target in targets.items()
    ]


def _figures(pairs: Sequence[tuple[float, float]], target: Target | None, seed: int) -> Iterator[Figure]:
    averages: tuple[Literal["median", "mean"], ...] = ("median", "mean")
    for average in averages:
        alone = bootstrap_ratio([(own, 1.0) for own, _ in pairs], seed, average=average)
        yield Figure(Aim(f"{average} seconds"), alone)
        ratio = bootstrap_ratio(pairs, seed, average=average)
        yield Figure(Aim(f"{average} ÷ peer", target, "1.00"), ratio)
