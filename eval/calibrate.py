"""Calibration: score labelled questions once, then find the threshold for any risk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
from numpy.typing import NDArray

from ..compressors import Calibration, Candidates, Compressor, ExtractiveCompressor
from ..errors import InvalidInput
from .conformal import crc_threshold
from .critical import critical_score
from .data import Example, to_passages

__all__ = ["CalibrationSet", "extractive", "score_examples"]


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationSet:
    """What calibration needs of one compressor and some questions.

    ``critical`` has one score a question (see :mod:`tersus.eval.critical`). ``basis`` counts the
    questions by what had to stay, ``left_out`` those that say nothing about the compressor, so that
    the promise does not cover them: ``unanswerable`` ones and those ``not_in_passages``.
    """

    compressor: str
    fingerprint: str
    critical: NDArray[np.float64]
    basis: Mapping[str, int]
    left_out: Mapping[str, int]
    scores: NDArray[np.float64]
    """The scores of all candidate spans of the questions in ``critical``."""
    lengths: NDArray[np.int64]
    """The characters of each of those spans."""

    @property
    def size(self) -> int:
        """The number of calibration questions."""
        return len(self.critical)

    def calibration(self, risk: float, on: date | None = None) -> Calibration:
        """The calibration that promises ``risk``; ``on`` is today (UTC) where not given.

        Raises:
            InvalidInput: a risk outside 0..1. RiskTooSmall: these questions cannot promise it.
        """
        threshold = crc_threshold(self.critical.tolist(), risk)
        return Calibration(
            self.fingerprint, threshold, float(risk), self.size, on or datetime.now(UTC).date()
        )

    def kept_text(self, threshold: float) -> float:
        """Share of the candidates' characters, over all questions, that this threshold keeps."""
        total = int(self.lengths.sum())
        return float(self.lengths[self.scores >= threshold].sum() / total) if total else 1.0


def extractive(compressor: Compressor) -> ExtractiveCompressor:
    """The compressor, if it has scores that a threshold can be put on.

    Raises:
        InvalidInput: it does not select spans by score.
    """
    if not isinstance(compressor, ExtractiveCompressor):
        raise InvalidInput(
            f"{compressor.name} has no scores that a threshold could be put on",
            hint="calibrate an extractive compressor, such as similarity",
        )
    return compressor


def score_examples(
    compressor: ExtractiveCompressor,
    examples: Iterable[Example],
    *,
    advance: Callable[[], None] = lambda: None,
) -> CalibrationSet:
    """Score every example by itself, as at query time, so that the threshold meets the same numbers.

    ``advance`` is called after each example. Raises whatever the compressor raises: a question
    passed over because it failed would break the promise.
    """
    critical: list[float] = []
    basis, left_out = Counter[str](), Counter({"unanswerable": 0, "not_in_passages": 0})
    scores: list[float] = []
    lengths: list[int] = []
    for example in examples:
        candidates: Candidates = []
        found = None
        if not example.impossible:
            candidates = compressor.score(example.question, to_passages(example))
            found = critical_score(example, candidates)
        if found is None:
            left_out["unanswerable" if example.impossible else "not_in_passages"] += 1
        else:
            critical.append(found.score)
            basis[found.basis] += 1
            scores += [float(span.score) for spans in candidates for span in spans]
            lengths += [span.end - span.start for spans in candidates for span in spans]
        advance()
    return CalibrationSet(
        compressor.name,
        compressor.fingerprint,
        np.array(critical, dtype=np.float64),
        dict(basis),
        dict(left_out),
        np.array(scores, dtype=np.float64),
        np.array(lengths, dtype=np.int64),
    )
