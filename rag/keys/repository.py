"""Keys within the caller's transaction: made, listed, revoked."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...errors import InvalidInput, TersusError
from ..ledger.key_table import ApiKeyRow
from ..ledger.types import utc_now
from .key import SCOPES, ApiKey, new_token

__all__ = ["KeyRepository", "UnknownKey"]


class UnknownKey(TersusError, LookupError):
    """No key has this name or prefix."""

    code = "unknown_key"


class KeyRepository:
    """Keys within the caller's transaction; nothing here commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(
        self,
        name: str,
        scopes: Iterable[str] = ("read",),
        *,
        collections: Iterable[str] | None = None,
        expires_at: datetime | None = None,
        monthly_tokens: int | None = None,
        monthly_cost: Decimal | None = None,
    ) -> tuple[str, ApiKey]:
        """A new key: its token, which is stored nowhere, and what it may do.

        Raises:
            InvalidInput: no name, one that a live key has, an unknown scope, no collection in the list,
                a budget below nothing, an expiry that has passed.
        """
        if not name.strip() or len(name) > 200:
            raise InvalidInput("a key needs a name of 1 to 200 characters", hint="name what will use it")
        wanted = set(scopes)
        if not wanted or wanted - set(SCOPES):
            raise InvalidInput(
                f"no such scope: {', '.join(sorted(wanted)) or 'none'}", hint=f"use {', '.join(SCOPES)}"
            )
        bound = None if collections is None else sorted(set(collections))
        if bound is not None and not bound:
            raise InvalidInput("the key is bound to no collection", hint="name one, or leave it out for all")
        if (monthly_tokens or 0) < 0 or (monthly_cost or 0) < 0:
            raise InvalidInput("a monthly budget is below zero", hint="leave it out for no limit")
        now = utc_now()
        if expires_at is not None and expires_at <= now:
            raise InvalidInput(
                f"the key would have expired at {expires_at.isoformat()}", hint="choose a later time"
            )
        if any(key.state(now) == "live" for key in self._named(name)):
            raise InvalidInput(f"there is a key {name!r}", hint="choose another name, or revoke that one")
        token, prefix, hashed = new_token()
        row = ApiKeyRow(
            id=uuid.uuid4().hex,
            name=name,
            prefix=prefix,
            secret_hash=hashed,
            scopes=sorted(wanted),
            collections=bound,
            created_at=now,
            expires_at=expires_at,
            monthly_tokens=monthly_tokens,
            monthly_cost=monthly_cost,
        )
        self._session.add(row)
        self._session.flush()
        return token, ApiKey.of(row)

    def list(self) -> Sequence[ApiKey]:
        """All keys, also those that ended, in the order they were made."""
        rows = self._session.scalars(select(ApiKeyRow).order_by(ApiKeyRow.created_at, ApiKeyRow.id))
        return [ApiKey.of(row) for row in rows]

    def revoke(self, name: str) -> ApiKey:
        """End the live key of that name or prefix, now and for good. Raises UnknownKey."""
        now = utc_now()
        rows = self._session.scalars(
            select(ApiKeyRow).where(
                (ApiKeyRow.name == name) | (ApiKeyRow.prefix == name.removeprefix("tsk_"))
            )
        ).all()
        for row in rows:
            if row.revoked_at is None and ApiKey.of(row).state(now) == "live":
                row.revoked_at = now
                self._session.flush()
                return ApiKey.of(row)
        raise UnknownKey(f"there is no live key {name!r}", hint="see 'tersus keys list'")

    def _named(self, name: str) -> Sequence[ApiKey]:
        return [
            ApiKey.of(row) for row in self._session.scalars(select(ApiKeyRow).where(ApiKeyRow.name == name))
        ]
