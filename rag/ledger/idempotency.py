"""A request that is sent again, because its answer was lost on the way, gets the same answer once more."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ...errors import InvalidInput, TersusError
from .engine import Database
from .idempotency_table import IdempotencyRow
from .types import utc_now

__all__ = ["Idempotency", "IdempotencyConflict", "IdempotencyRunning", "Kept", "Ticket"]

_KEPT = timedelta(hours=24)


class IdempotencyConflict(InvalidInput):
    """The idempotency key was used for another request."""

    code = "idempotency_conflict"


class IdempotencyRunning(TersusError):
    """The first request with this idempotency key is not done yet."""

    code = "idempotency_in_progress"


@dataclass(frozen=True, slots=True)
class Kept:
    """The answer to the first request."""

    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to do the request; hand it to `Idempotency.keep` or `Idempotency.forget`."""

    owner: str
    key: str
    holder: str


class Idempotency:
    """Answers by idempotency key; safe between threads and processes.

    Args:
        seconds: after which a request that did not end is taken for dead, and done anew.
    """

    def __init__(self, database: Database, seconds: float) -> None:
        self._database = database
        self._lasts = timedelta(seconds=seconds)

    def begin(self, owner: str, key: str, request: bytes, now: datetime | None = None) -> Ticket | Kept:
        """A ticket for the first request with this key, the answer for any further one.

        Raises:
            InvalidInput: a key of 0 or more than 200 characters.
            IdempotencyConflict: the key stands for another request.
            IdempotencyRunning: the first one still runs.
        """
        if not key.strip() or len(key) > 200:
            raise InvalidInput("an idempotency key has 1 to 200 characters", hint="send a UUID")
        now = now or utc_now()
        hashed, holder = hashlib.sha256(request).hexdigest(), uuid.uuid4().hex
        insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
        values = {
            "owner": owner, "key": key, "request_hash": hashed, "holder": holder,
            "expires_at": now + self._lasts,
        }  # fmt: skip
        with self._database.session(write=True) as session:
            session.execute(delete(IdempotencyRow).where(IdempotencyRow.expires_at <= now))
            made = session.execute(
                insert(IdempotencyRow).values(values).on_conflict_do_nothing().returning(IdempotencyRow.key)
            ).first()
            if made is not None:
                return Ticket(owner, key, holder)
            row = session.scalars(
                select(IdempotencyRow).where(IdempotencyRow.owner == owner, IdempotencyRow.key == key)
            ).one()
        if row.request_hash != hashed:
            raise IdempotencyConflict(
                "this idempotency key was used for another request", hint="send a new key with a new request"
            )
        if row.status is None:
            raise IdempotencyRunning(
                "the first request with this key still runs", hint="ask again in a moment"
            )
        return Kept(row.status, row.body or "")

    def keep(self, ticket: Ticket, status: int, body: str) -> None:
        """The request is done: this is its answer for the next 24 hours."""
        with self._database.session(write=True) as session:
            session.execute(
                update(IdempotencyRow)
                .where(*_its(ticket))
                .values(status=status, body=body, expires_at=utc_now() + _KEPT)
            )

    def forget(self, ticket: Ticket) -> None:
        """The request failed: the next one with this key is done anew."""
        with self._database.session(write=True) as session:
            session.execute(delete(IdempotencyRow).where(*_its(ticket)))


def _its(ticket: Ticket) -> tuple[ColumnElement[bool], ...]:
    return (
        IdempotencyRow.owner == ticket.owner,
        IdempotencyRow.key == ticket.key,
        IdempotencyRow.holder == ticket.holder,
    )
