"""Who shows a token."""

from __future__ import annotations

import hmac
from datetime import timedelta

from sqlalchemy import select, update

from ...errors import TersusError
from ..ledger import Database
from ..ledger.key_table import ApiKeyRow
from ..ledger.types import utc_now
from .key import ApiKey, hash_of, parts_of

__all__ = ["KeyInvalid", "any_keys", "authenticate"]

_NOTED = timedelta(minutes=1)  # a write for each request would be a writer too many


class KeyInvalid(TersusError):
    """No key, an unknown one, or one that is revoked or has expired: which of these is not told."""

    code = "unauthorized"


def authenticate(database: Database, token: str) -> ApiKey:
    """The key that ``token`` is. Raises KeyInvalid, DatabaseError."""
    parts = parts_of(token)
    row = None
    if parts is not None:
        with database.session() as session:
            row = session.scalar(select(ApiKeyRow).where(ApiKeyRow.prefix == parts[0]))
    # Compared also where there is no such key, and in constant time.
    same = hmac.compare_digest(row.secret_hash if row else "0" * 64, hash_of(parts[1] if parts else ""))
    now = utc_now()
    if row is None or not same or ApiKey.of(row).state(now) != "live":
        raise KeyInvalid("this API key is not valid", hint="see 'tersus keys list'")
    if row.last_used_at is None or now - row.last_used_at > _NOTED:
        with database.session(write=True) as session:
            session.execute(update(ApiKeyRow).where(ApiKeyRow.id == row.id).values(last_used_at=now))
    return ApiKey.of(row)


def any_keys(database: Database) -> bool:
    """Whether a key was ever made: from then on requests need one, also when all have ended."""
    with database.session() as session:
        return session.scalar(select(ApiKeyRow.id).limit(1)) is not None
