"""Moments as people type them: a day, a time, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from ..errors import InvalidInput

__all__ = ["MomentUnclear", "moment"]

_AGO = re.compile(r"(\d{1,6})\s*([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class MomentUnclear(InvalidInput):
    """The text names no moment."""

    code = "usage"


def moment(text: str | None, option: str, now: datetime | None = None) -> datetime | None:
    """The moment that ``text`` names, in UTC; None for None.

    ``2026-11-01`` (its first moment), ``2026-11-01T08:30`` (UTC where it names no zone), or how long
    ago: ``90m``, ``24h``, ``7d``, ``2w``.

    Raises:
        MomentUnclear: naming ``option``, where it is none of these.
    """
    if text is None:
        return None
    now = now or datetime.now(UTC)
    try:
        if found := _AGO.fullmatch(text.strip().lower()):
            return now - timedelta(**{_UNITS[found[2]]: int(found[1])})
        parsed = datetime.fromisoformat(text.strip())
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise MomentUnclear(
            f"{option} does not understand {text!r}", hint="write 2026-11-01, 2026-11-01T08:30, 24h, 7d or 2w"
        ) from error
