"""A run as units of work that know nothing of each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .spec import RunSpec

__all__ = ["Unit", "plan"]


@dataclass(frozen=True, slots=True)
class Unit:
    """Questions ``start`` to ``stop`` of a data set through one compressor, at all its budgets."""

    dataset: str
    compressor: str
    start: int
    stop: int

    @property
    def key(self) -> str:
        """Its name in the journal."""
        return f"{self.dataset}|{self.compressor}|{self.start}"


def plan(spec: RunSpec, sizes: Mapping[str, int]) -> list[Unit]:
    """All units in the order of the results: data set, compressor, questions. ``sizes``: questions a set."""
    return [
        Unit(name, compressor, start, min(start + spec.batch, size))
        for name, size in sizes.items()
        for compressor in spec.compressors
        if spec.budgets_of(compressor)
        for start in range(0, size, spec.batch)
    ]
