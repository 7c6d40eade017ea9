"""A calibration as JSON: ``{"fingerprint", "threshold", "risk", "size", "date"}``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Any

from ..errors import InvalidInput
from .budget import Calibration

__all__ = ["calibration_dict", "read_calibration"]


def calibration_dict(calibration: Calibration) -> dict[str, Any]:
    """JSON-ready values; the threshold has every digit, so that it decides alike when it is read again."""
    return {
        "fingerprint": calibration.fingerprint,
        "threshold": calibration.threshold,
        "risk": calibration.risk,
        "size": calibration.size,
        "date": calibration.date.isoformat(),
    }


def read_calibration(values: object) -> Calibration:
    """What :func:`calibration_dict` wrote; a :class:`Calibration` is returned as it is.

    Raises:
        InvalidInput: a field is missing or has an impossible value.
    """
    if isinstance(values, Calibration):
        return values
    if not isinstance(values, Mapping):
        raise InvalidInput(f"a calibration is a JSON object, not {type(values).__name__}")
    try:
        day = values["date"]
        found = Calibration(
            fingerprint=str(values["fingerprint"]),
            threshold=float(values["threshold"]),
            risk=float(values["risk"]),
            size=int(values["size"]),
            date=day if isinstance(day, date) else date.fromisoformat(day),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(
            f"this is no calibration: {type(error).__name__}: {error}",
            hint="write one with: tersus calibrate --data FILE --out FILE",
        ) from error
    if not (math.isfinite(found.threshold) and 0 < found.risk < 1 and found.size > 0):
        raise InvalidInput(
            f"this is no calibration: threshold {found.threshold}, risk {found.risk}, size {found.size}",
            hint="write one with: tersus calibrate --data FILE --out FILE",
        )
    return found
