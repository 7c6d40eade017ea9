"""Conformal risk control: the threshold whose expected loss is at most a chosen risk.

Source: Angelopoulos, Bates, Fisch, Lei and Schuster, 2022, "Conformal Risk Control",
arXiv:2208.02814, for a loss of 0 or 1 (so its bound B is 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from ..errors import InvalidInput, TersusError

__all__ = [
    "RiskTooSmall",
    "check_size",
    "crc_threshold",
    "expected_loss",
    "questions_needed",
    "smallest_risk",
]


class RiskTooSmall(TersusError):
    """The calibration set is too small, or too hard, to promise this risk."""

    code = "risk_too_small"


def crc_threshold(critical: Sequence[float], risk: float) -> float:
    """The largest threshold that keeps the expected loss of the next question at ``risk`` or below.

    A compressor keeps every span with ``score >= threshold``. ``critical`` holds for each of the
    n calibration questions the largest threshold at which it still keeps what the answer needs
    (``-inf``: none does), so its loss at a threshold t is 1 where ``critical < t`` and else 0, which
    grows with t. The mean loss R(t) over the questions then decides::

        threshold = max { t : n / (n + 1) * R(t) + 1 / (n + 1) <= risk }

    which is one of the critical scores themselves: the m-th smallest, m = floor(risk * (n + 1)).
    Being a score it is met exactly by ``>=``, also where several questions share it.

    If the calibration questions and the next one are exchangeable, the probability that the next one
    loses its answer is at most ``risk``; with scores without ties it is :func:`expected_loss`.

    Raises:
        InvalidInput: a risk outside 0..1, or NaN or infinity among the scores.
        RiskTooSmall: no threshold satisfies the condition; the hint says which risk can be promised.
    """
    for value in critical:
        if math.isnan(value) or value == math.inf:
            raise InvalidInput(f"a critical score is a finite number or -inf, not {value}")
    check_size(len(critical), risk)
    allowed = math.floor(_exact(risk) * (len(critical) + 1))
    threshold = float(sorted(critical)[allowed - 1])
    if threshold == -math.inf:
        lost = sum(value == -math.inf for value in critical)
        raise RiskTooSmall(
            f"a risk of {risk:g} cannot be promised: {lost} of the {len(critical)} calibration questions "
            "lose their answer even if every sentence is kept",
            hint=f"the smallest risk that this set can promise is {_upwards(smallest_risk(critical))}",
        )
    return threshold


def check_size(questions: int, risk: float) -> None:
    """Refuse a risk that so few questions can never promise, whatever their scores.

    Raises:
        InvalidInput: a risk outside 0..1. RiskTooSmall: fewer than :func:`questions_needed`.
    """
    needed = questions_needed(risk)
    if questions < needed:
        able = f", or ask for a risk of at least {_upwards(Fraction(1, questions + 1))}" if questions else ""
        raise RiskTooSmall(
            f"{questions} calibration questions are too few to promise a risk of {risk:g}",
            hint=f"give at least {needed} questions whose answers stand in their passages{able}",
        )


def questions_needed(risk: float) -> int:
    """The fewest calibration questions that can promise ``risk``: ceil(1 / risk) - 1.

    >>> questions_needed(0.05)
    19
    """
    return math.ceil(1 / _exact(risk)) - 1


def smallest_risk(critical: Sequence[float]) -> Fraction:
    """The smallest risk these scores can promise: (u + 1) / (n + 1), u of them being ``-inf``."""
    return Fraction(sum(value == -math.inf for value in critical) + 1, len(critical) + 1)


def expected_loss(questions: int, risk: float) -> float:
    """What the loss comes to on average, for scores without ties: floor(risk * (n + 1)) / (n + 1)."""
    return math.floor(_exact(risk) * (questions + 1)) / (questions + 1)


def _exact(risk: float) -> Fraction:
    """The decimal number that was written: 0.29 * 100 questions are 29, not 28.999999999999996."""
    if isinstance(risk, bool) or not isinstance(risk, (int, float)) or not 0 < risk < 1:
        raise InvalidInput(f"risk must be above 0 and below 1, got {risk!r}", hint="for 5%: 0.05")
    return Fraction(repr(float(risk)))


def _upwards(risk: Fraction) -> str:
    """Three digits, rounded up, so that what is printed can be promised."""
    return (
        f"{math.ceil(risk * 1000) / 1000:g}"
        if risk >= Fraction(1, 100)
        else f"{math.ceil(risk * 10**5) / 10**5:g}"
    )
