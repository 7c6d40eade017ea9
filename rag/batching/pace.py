"""How fast batches go, and how many callers are about."""

from __future__ import annotations

import time

from .limits import BatchLimits

__all__ = ["Pace"]

_RECENT = 0.25
"""Seconds after a batch within which those whom it answered are likely to come again."""


class Pace:
    """Seconds a token, learnt batch by batch."""

    def __init__(self, limits: BatchLimits) -> None:
        self._limits = limits
        self._pace: float | None = None
        self._size, self._end = 1, 0.0

    def note(self, size: int, tokens: int, seconds: float) -> None:
        """A batch of ``size`` requests is done."""
        self._size, self._end = size, time.monotonic()
        pace = seconds / tokens
        # Quick to fall, slow to rise: the first batch loads the model.
        self._pace = pace if self._pace is None or pace < self._pace else 0.8 * self._pace + 0.2 * pace

    @property
    def expected(self) -> int:
        """Requests of the next batch, where the callers of the one before come again; 1 after a pause."""
        return self._size if time.monotonic() - self._end < _RECENT else 1

    @property
    def room(self) -> float:
        """Most tokens of the next batch."""
        return self._limits.room(self._pace)

    def seconds(self, tokens: int) -> float:
        """How long ``tokens`` that wait will take, within 0.1 to 60 s; 1 where nothing is known yet."""
        return 1.0 if self._pace is None else min(60.0, max(0.1, tokens * self._pace))
