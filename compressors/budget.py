"""How much may stay: the four kinds of budget."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

from ..errors import InvalidInput, TersusError

__all__ = ["Budget", "Calibration", "CalibrationMissing"]


class CalibrationMissing(TersusError):
    """A risk was asked for, and no calibration of this compressor is at hand."""

    code = "calibration_missing"


@dataclass(frozen=True, slots=True)
class Calibration:
    """The threshold that conformal risk control found for one compressor and one collection.

    ``fingerprint`` names the compressor and its weights; a calibration made with
    another fingerprint is refused. ``risk`` is the promised bound on the share of
    queries that lose the sentence holding the answer, ``size`` the number of
    calibration queries (Angelopoulos et al., 2022, "Conformal Risk Control").
    """

    fingerprint: str
    threshold: float
    risk: float
    size: int
    date: date


@dataclass(frozen=True, slots=True)
class Budget:
    """One of ``max_tokens``, ``ratio``, ``risk`` or adaptive (the default: nothing given).

    - ``max_tokens``: the compressed context never has more tokens than this.
    - ``ratio``: share of the tokens to keep, met within 2 points wherever the text allows.
    - ``risk``: a :class:`Calibration`, or a share for which the caller's collection has one.
    - ``adaptive``: the compressor's own threshold.
    """

    max_tokens: int | None = None
    ratio: float | None = None
    risk: float | Calibration | None = None
    adaptive: bool = False

    def __post_init__(self) -> None:
        given = [name for name in ("max_tokens", "ratio", "risk") if getattr(self, name) is not None]
        given += ["adaptive"] if self.adaptive else []
        if len(given) > 1:
            raise InvalidInput(f"a budget is one of {' or '.join(given)}, not several at once")
        if not given:
            object.__setattr__(self, "adaptive", True)
        if self.max_tokens is not None and (
            isinstance(self.max_tokens, bool) or not isinstance(self.max_tokens, int) or self.max_tokens < 1
        ):
            raise InvalidInput(f"max_tokens must be a whole number of at least 1, got {self.max_tokens!r}")
        if self.ratio is not None:
            _check_share("ratio", self.ratio, upper_included=True)
        if self.risk is not None and not isinstance(self.risk, Calibration):
            _check_share("risk", self.risk, upper_included=False)

    def __str__(self) -> str:
        if self.max_tokens is not None:
            return f"max_tokens={self.max_tokens}"
        if self.ratio is not None:
            return f"ratio={self.ratio:g}"
        if self.risk is not None:
            return f"risk={self.risk.risk if isinstance(self.risk, Calibration) else self.risk:g}"
        return "adaptive"


def _check_share(name: str, value: object, *, upper_included: bool) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InvalidInput(f"{name} must be a number, got {value!r}")
    if not (0 < value < 1 or (upper_included and value == 1)):
        bounds = "above 0 and at most 1" if upper_included else "above 0 and below 1"
        hint = f"{value:g}% is {name}={value / 100:g}" if value > 1 else None
        raise InvalidInput(f"{name} must be {bounds}, got {value:g}", hint=hint)
