"""Examples in batches, where a failure is recorded for its own example and the run goes on."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from typing import TypeVar

from ...errors import NotInstalled
from ..bench_run import Failure
from ..data import Example

__all__ = ["in_batches"]

T = TypeVar("T")


def in_batches(
    examples: Sequence[Example],
    work: Callable[[Sequence[Example]], Sequence[T]],
    *,
    batch: int = 16,
    advance: Callable[[int], None] = lambda _: None,
) -> tuple[list[T], list[Failure]]:
    """``work`` on ``batch`` examples at a time; ``advance`` is told how many are done after each.

    Where a batch fails, its examples are done one by one, so that one question's failure costs no other
    its result. Returns the results in the order of their examples, and the failures.

    Raises:
        NotInstalled: a model or package is missing, so that no question could succeed.
    """
    results: list[T] = []
    failures: list[Failure] = []
    for start in range(0, len(examples), batch):
        some = examples[start : start + batch]
        try:
            results += work(some)
        except NotInstalled:
            raise
        except Exception:  # noqa: BLE001 - third-party code may raise anything; found out and recorded below
            for example in some:
                _alone(example, work, results, failures)
        advance(len(some))
    return results, failures


def _alone(
    example: Example,
    work: Callable[[Sequence[Example]], Sequence[T]],
    results: list[T],
    failures: list[Failure],
) -> None:
    try:
        results += work([example])
    except Exception as error:  # noqa: BLE001 - as above
        text = f"{type(error).__name__}: {error}"
        failures.append(Failure(example.id, text, traceback.format_exc()))
