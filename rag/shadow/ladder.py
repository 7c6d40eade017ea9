"""From the budget asked for to no compression at all, each step safer than the one before."""

from __future__ import annotations

from collections.abc import Sequence

from ...compressors import Budget

__all__ = ["ladder"]

_RATIOS = (0.5, 0.75)


def ladder(asked: Budget) -> Sequence[Budget | None]:
    """The steps, the budget asked for first; None, the last, sends the original context.

    >>> [str(step) for step in ladder(Budget(ratio=0.25))]
    ['ratio=0.25', 'ratio=0.5', 'ratio=0.75', 'None']
    """
    least = asked.ratio or 0.0
    return [asked, *(Budget(ratio=ratio) for ratio in _RATIOS if ratio > least), None]
