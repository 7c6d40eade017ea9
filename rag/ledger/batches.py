"""Long lists of values in pieces that every database takes as parameters of one statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

__all__ = ["PARAMETERS", "batches"]

PARAMETERS = 500
"""Well under the 999 parameters that older builds of SQLite allow in one statement."""

T = TypeVar("T")


def batches(values: Sequence[T], size: int = PARAMETERS) -> Iterator[Sequence[T]]:
    """``values`` in order, ``size`` at a time; the last piece may be shorter."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
