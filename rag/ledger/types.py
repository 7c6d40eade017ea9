"""Column types that mean the same on SQLite and on PostgreSQL."""

# ruff: noqa: ARG002, D102 - SQLAlchemy prescribes the hooks and their arguments
from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Double, Integer, String, Text
from sqlalchemy.types import TypeDecorator

from ...errors import InvalidInput
from .text import safe_json, safe_text

__all__ = ["BIG_ID", "FiniteFloat", "Money", "SafeJson", "SafeString", "SafeText", "UtcDateTime", "utc_now"]

BIG_ID = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit key on both: SQLite numbers rows by itself only where the column is called INTEGER."""

# Wide enough for any sum of 64-bit integers, whatever decimal context the caller has set.
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
_NANO = Decimal("1e-9")
_LIMIT = 10**10  # US dollars; below it, the arithmetic here cannot overflow


def utc_now() -> datetime:
    """The time now, aware, in UTC."""
    return datetime.now(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC. SQLite has no time zones: there the UTC wall time is stored.

    Raises `InvalidInput` for a naive datetime, which names no moment.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise InvalidInput(f"{value} has no time zone", hint="use datetime.now(UTC) or set tzinfo")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Money(TypeDecorator[Decimal]):
    """US dollars, exact to the nano-dollar, stored as a 64-bit integer of nano-dollars.

    Integers make SQL's SUM exact on both databases; SQLite has no decimal type. What is finer
    than a nano-dollar is rounded half to even. Raises `InvalidInput` for floats (they are not
    exact), NaN, infinity and amounts beyond 9.2 billion dollars.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | int | None, dialect: Dialect) -> int | None:
        return None if value is None else nano_dollars(value)

    def process_result_value(self, value: int | Decimal | None, dialect: Dialect) -> Decimal | None:
        # PostgreSQL's SUM over 64-bit integers comes back as numeric, hence int().
        return None if value is None else Decimal(int(value)).scaleb(-9, _EXACT)


def nano_dollars(amount: Decimal | int) -> int:
    """``amount`` (US dollars) in nano-dollars, rounded half to even; see `Money` for what is refused."""
    if isinstance(amount, bool) or not isinstance(amount, (Decimal, int)):
        raise InvalidInput(
            f"money must be a Decimal, not {type(amount).__name__}", hint='write Decimal("0.15"), not 0.15'
        )
    dollars = Decimal(amount)
    if not dollars.is_finite():
        raise InvalidInput(f"{dollars} is not an amount of money", hint="use None where the price is unknown")
    # Comparisons and int() are exact; abs() and the like would round to the caller's precision.
    if -_LIMIT < dollars < _LIMIT:
        nano = int(dollars.quantize(_NANO, context=_EXACT).scaleb(9, _EXACT))
        if -(2**63) < nano < 2**63:
            return nano
    raise InvalidInput(f"{dollars} US dollars are too much to store", hint="at most 9.2 billion fit")


class FiniteFloat(TypeDecorator[float]):
    """A double that is a number: SQLite turns NaN into NULL, PostgreSQL keeps it, we refuse it."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        if value is None:
            return None
        if not math.isfinite(value):
            raise InvalidInput(f"{value} is not a finite number", hint="use None where it was not measured")
        return float(value)


class SafeText(TypeDecorator[str]):
    """Text of any length, through `safe_text` on its way in (in comparisons too)."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else safe_text(value)


class SafeString(TypeDecorator[str]):
    """Text of a limited length, through `safe_text`."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else safe_text(value)


class SafeJson(TypeDecorator[Any]):
    """JSON through `safe_json`; None is SQL's NULL."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return safe_json(value)
