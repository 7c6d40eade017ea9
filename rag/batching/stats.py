"""What a queue and its worker have done so far."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

__all__ = ["BatchStats"]


@dataclass(slots=True)
class BatchStats:
    """Counts since the start, but ``queue``: requests that wait now.

    ``requests`` were answered in ``batches``; ``refused`` found the queue full; ``skipped`` had given up
    before their turn; ``alone`` were worked on again one at a time, because their batch failed; ``deaths``
    of the worker thread.
    """

    queue: int = 0
    batches: int = 0
    requests: int = 0
    refused: int = 0
    skipped: int = 0
    alone: int = 0
    deaths: int = 0

    @property
    def size(self) -> float:
        """Requests a batch, on average; 0 before the first."""
        return self.requests / self.batches if self.batches else 0.0

    @classmethod
    def sum(cls, parts: Iterable[BatchStats]) -> BatchStats:
        """All of them together."""
        whole = cls()
        for part in parts:
            for field in fields(cls):
                setattr(whole, field.name, getattr(whole, field.name) + getattr(part, field.name))
        return whole
