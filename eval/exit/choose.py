"""After training: the threshold and the calibrations that go with the weights, found on development data."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...compressors import Calibration
from ...compressors.calibration_json import calibration_dict
from ...compressors.exit import ExitCompressor
from ...compressors.exit.settings import CALIBRATIONS, set_threshold
from ..calibrate import CalibrationSet, score_examples
from ..conformal import RiskTooSmall
from ..data import Example

__all__ = ["RISKS", "Choice", "choose", "lowest_loss_threshold", "pooled"]

RISKS = (0.01, 0.02, 0.05, 0.1, 0.2)
"""The risks for which calibrations are shipped."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen. ``by_set``: each data set's shares of answers lost and of text kept at it."""

    threshold: float
    calibrations: tuple[Calibration, ...]
    by_set: Mapping[str, Mapping[str, float]]

    def to_dict(self) -> dict[str, Any]:
        """For the metrics file."""
        return {
            "threshold": self.threshold,
            "by_set": {name: dict(figures) for name, figures in self.by_set.items()},
            "calibrations": [calibration_dict(c) for c in self.calibrations],
        }


def choose(
    folder: Path,
    examples: Mapping[str, Sequence[Example]],
    *,
    loss: float = 0.04,
    device: str = "auto",
    advance: Callable[[], None] = lambda: None,
) -> Choice:
    """Find threshold and calibrations of the weights in ``folder`` and write them beside the weights.

    The threshold is the highest at which, on average over the data sets, each weighing alike, at most
    ``loss`` of the answerable questions lose their answer: less than the 0.05 that is promised to users,
    because sets differ. Calibrations are found on all questions together.

    Raises:
        RiskTooSmall: even the smallest threshold loses more.
    """
    compressor = ExitCompressor(folder, device=device)
    scored = {n: score_examples(compressor, e, advance=advance) for n, e in examples.items()}
    threshold = lowest_loss_threshold([s.critical for s in scored.values()], loss)
    together = pooled(list(scored.values()))
    calibrations = []
    for risk in RISKS:
        try:
            calibrations.append(together.calibration(risk))
        except RiskTooSmall:
            continue  # few questions or hard ones: what cannot be promised is not shipped
    set_threshold(folder, threshold)
    values = {"data": sorted(examples), "calibrations": [calibration_dict(c) for c in calibrations]}
    (folder / CALIBRATIONS).write_text(json.dumps(values, indent=2) + "\n")
    by_set = {
        name: {
            "questions": s.size,
            "lost": float((s.critical < threshold).mean()),
            "kept_text": s.kept_text(threshold),
        }
        for name, s in scored.items()
    }
    return Choice(threshold, tuple(calibrations), by_set)


def lowest_loss_threshold(critical: Sequence[np.ndarray[Any, np.dtype[np.float64]]], loss: float) -> float:
    """The highest threshold whose loss, averaged over the sets, is at most ``loss``.

    ``critical``: each set's critical scores (see :mod:`tersus.eval.critical`); empty sets do not count.

    Raises:
        RiskTooSmall: there is none.
    """
    sets = [one for one in critical if len(one)]
    able = np.unique(np.concatenate(sets)) if sets else np.zeros(0)
    for threshold in able[np.isfinite(able)][::-1]:
        if np.mean([(one < threshold).mean() for one in sets]) <= loss:
            return float(threshold)
    raise RiskTooSmall(f"no threshold loses at most {loss:g} of the answers", hint="train for longer")


def pooled(sets: Sequence[CalibrationSet]) -> CalibrationSet:
    """The questions of several sets as one."""
    basis = {k: sum(s.basis.get(k, 0) for s in sets) for k in {k for s in sets for k in s.basis}}
    left_out = {k: sum(s.left_out.get(k, 0) for s in sets) for k in {k for s in sets for k in s.left_out}}
    return CalibrationSet(
        sets[0].compressor,
        sets[0].fingerprint,
        np.concatenate([s.critical for s in sets]),
        basis,
        left_out,
        np.concatenate([s.scores for s in sets]),
        np.concatenate([s.lengths for s in sets]),
    )
