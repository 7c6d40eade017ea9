"""What a figure is to reach, and whether it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..metrics import Estimate

__all__ = ["Aim", "Figure", "Target"]


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on a mean, itself included."""

    relation: Literal["at least", "at most"]
    bound: float

    def met(self, value: float) -> bool:
        """Whether ``value`` keeps the bound; what binary fractions cannot hold (1e-9) is forgiven."""
        over = value - self.bound
        return (over if self.relation == "at least" else -over) >= -1e-9

    def __str__(self) -> str:
        return f"{'≥' if self.relation == 'at least' else '≤'} {self.bound:.2f}"


@dataclass(frozen=True, slots=True)
class Aim:
    """A figure that a part reports: by its name, with its target and the best peer's value, if any."""

    figure: str
    target: Target | None = None
    peer: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured aim. The mean alone decides whether the target is met; the interval says how surely."""

    aim: Aim
    estimate: Estimate

    @property
    def met(self) -> bool | None:
        """None where there is no target, or no question to which the figure applies."""
        if self.aim.target is None or self.estimate.mean is None:
            return None
        return self.aim.target.met(self.estimate.mean)

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            "figure": self.aim.figure,
            "n": self.estimate.count,
            "mean": self.estimate.mean,
            "low": self.estimate.low,
            "high": self.estimate.high,
            "target": None if self.aim.target is None else str(self.aim.target),
            "met": self.met,
            "best_peer": self.aim.peer or None,
        }
