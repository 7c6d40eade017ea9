"""When a call is made again, and after how long."""

from __future__ import annotations

import random

import httpx

__all__ = ["AGAIN", "pause"]

AGAIN = (429, 502, 503, 504)
"""Statuses after which a repeatable call is made again; a 429 was not begun, so that any call may be."""
_LONGEST = 30.0


def pause(attempt: int, response: httpx.Response | None) -> float:
    """Seconds before the next attempt: what the service asks for, or half a second doubled, with jitter."""
    after = response.headers.get("retry-after", "") if response is not None else ""
    least = float(after) if after.isdigit() else 0.5 * 2**attempt
    return min(_LONGEST, least) * random.uniform(1.0, 1.25)  # noqa: S311 - not a secret
