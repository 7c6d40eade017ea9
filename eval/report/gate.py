"""Whether a run is worse than an older one by more than chance explains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .compare import Change, compare

__all__ = ["Verdict", "gate"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """``reasons`` are why a cell fails; none where it passes."""

    change: Change
    reasons: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether the cell may go on."""
        return not self.reasons


def gate(
    new: Mapping[str, Any],
    old: Mapping[str, Any],
    *,
    margin: float = 0.0,
    kept_margin: float = 0.02,
    seed: int = 0,
) -> list[Verdict]:
    """Each cell of the older run, judged.

    A cell fails where the whole 95% interval of its quality's paired difference lies below ``-margin``, where
    its tokens kept have grown by more than ``kept_margin`` beyond theirs, or where it is no longer there.

    Raises:
        RunMismatch: the runs cannot be compared.
    """
    found = [_judge(change, margin, kept_margin) for change in compare(new, old, seed)]
    if missing := {key: cell for key, cell in old["cells"].items() if key not in new["cells"]}:
        gone = {**old, "cells": missing}
        why = ("it is in the baseline and not in the run",)
        found += [Verdict(change, why) for change in compare(gone, gone, seed)]
    return found


def _judge(change: Change, margin: float, kept_margin: float) -> Verdict:
    reasons = []
    quality, kept = change.quality, change.kept
    high = quality.high if quality.high is not None else quality.mean
    if high is not None and high < -margin:
        reasons.append(
            f"{change.metric} fell by {-(quality.mean or 0):.3f} "
            f"(95% CI {quality.low or 0:+.3f} to {high:+.3f}, {quality.count} questions)"
        )
    low = kept.low if kept.low is not None else kept.mean
    if low is not None and low > kept_margin:
        reasons.append(f"tokens kept rose by {(kept.mean or 0):.1%} (at least {low:.1%})")
    return Verdict(change, tuple(reasons))
