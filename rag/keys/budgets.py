"""Monthly budgets that hold when requests come at the same time, from several processes.

A request reserves the most that it may spend before it spends anything, and settles what it did spend.
Every change of a key's account first locks the key's row, so that two requests never see the same
remainder. A reservation whose process died counts until it expires.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ...errors import TersusError
from ..ledger import Database
from ..ledger.key_table import ApiKeyRow, KeyReservation, KeyUsage
from ..ledger.types import utc_now
from .key import ApiKey

__all__ = ["BudgetExhausted", "Budgets", "Reservation", "Spent"]

_LASTS = timedelta(minutes=15)


class BudgetExhausted(TersusError):
    """The key's budget of this month does not cover the request."""

    code = "budget_exhausted"


@dataclass(frozen=True, slots=True)
class Spent:
    """What is used and reserved in a month: tokens, and US dollars."""

    tokens: int
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Reservation:
    """What a request may spend; hand it to `Budgets.settle` whatever became of the request."""

    id: str
    key_id: str
    month: str


class Budgets:
    """The monthly budgets of keys; safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def reserve(
        self, key: ApiKey, tokens: int, cost: Decimal | None, now: datetime | None = None
    ) -> Reservation | None:
        """Set aside ``tokens`` and ``cost``; None where the key has no budget to keep.

        Args:
            cost: at the model's price; None where that is not known.
            now: for tests.

        Raises:
            BudgetExhausted: less is left, or the key has a budget in dollars and the price is not known.
        """
        if key.monthly_tokens is None and key.monthly_cost is None:
            return None
        if key.monthly_cost is not None and cost is None:
            raise BudgetExhausted(
                "this key has a budget in dollars, and the model's price is not known",
                hint="set the price: [prices] in tersus.toml, or TERSUS_PRICE_MODEL",
            )
        now = now or utc_now()
        month, asked = _month(now), Spent(tokens, cost or Decimal(0))
        reservation = Reservation(uuid.uuid4().hex, key.id, month)
        with self._database.session(write=True) as session:
            _lock(session, key.id)
            session.execute(
                delete(KeyReservation).where(
                    KeyReservation.key_id == key.id, KeyReservation.expires_at <= now
                )
            )
            spent = _spent(session, key.id, month)
            if key.monthly_tokens is not None and spent.tokens + asked.tokens > key.monthly_tokens:
                raise BudgetExhausted(
                    f"this key's budget of {key.monthly_tokens:,} tokens a month does not cover the request",
                    hint="wait for the next month, or ask for a larger budget",
                )
            if key.monthly_cost is not None and spent.cost + asked.cost > key.monthly_cost:
                raise BudgetExhausted(
                    f"this key's budget of ${key.monthly_cost:f} a month does not cover the request",
                    hint="wait for the next month, or ask for a larger budget",
                )
            session.add(
                KeyReservation(
                    id=reservation.id,
                    key_id=key.id,
                    month=month,
                    tokens=asked.tokens,
                    cost=asked.cost,
                    expires_at=now + _LASTS,
                )
            )
        return reservation

    def settle(self, reservation: Reservation | None, tokens: int, cost: Decimal | None) -> None:
        """Replace the reservation by what was spent; nothing, where the request failed before the model."""
        if reservation is None:
            return
        with self._database.session(write=True) as session:
            _lock(session, reservation.key_id)
            session.execute(delete(KeyReservation).where(KeyReservation.id == reservation.id))
            used = session.get(KeyUsage, (reservation.key_id, reservation.month))
            if used is None:
                used = KeyUsage(key_id=reservation.key_id, month=reservation.month, tokens=0, cost=Decimal(0))
                session.add(used)
            used.tokens += tokens
            used.cost += cost or Decimal(0)

    def spent(self, key_id: str, now: datetime | None = None) -> Spent:
        """What the key has used and reserved in this month."""
        with self._database.session() as session:
            return _spent(session, key_id, _month(now or utc_now()))


def _month(now: datetime) -> str:
    return f"{now:%Y-%m}"


def _lock(session: Session, key_id: str) -> None:
    # SQLite has one writer at a time anyway, and leaves FOR UPDATE out.
    session.execute(select(ApiKeyRow.id).where(ApiKeyRow.id == key_id).with_for_update())


def _spent(session: Session, key_id: str, month: str) -> Spent:
    used = session.get(KeyUsage, (key_id, month), populate_existing=True)
    held = session.execute(
        select(func.sum(KeyReservation.tokens), func.sum(KeyReservation.cost)).where(
            KeyReservation.key_id == key_id, KeyReservation.month == month
        )
    ).one()
    tokens = (used.tokens if used else 0) + int(held[0] or 0)
    return Spent(tokens, (used.cost if used else Decimal(0)) + (held[1] or Decimal(0)))
