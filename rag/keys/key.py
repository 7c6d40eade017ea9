"""What a key is, and how its token is made."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from ..ledger.key_table import ApiKeyRow

__all__ = ["SCOPES", "ApiKey", "hash_of", "new_token", "parts_of"]

SCOPES = ("read", "write", "admin")
"""read: ask and look; write: change collections, too; admin: everything."""

# Findable by scanners for secrets that were committed by mistake.
_TOKEN = re.compile(r"tsk_([a-z0-9]{10})_([A-Za-z0-9_-]{43})")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret. ``collections`` None means all; money is in US dollars."""

    id: str
    name: str
    prefix: str
    scopes: frozenset[str]
    collections: frozenset[str] | None
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    monthly_tokens: int | None = None
    monthly_cost: Decimal | None = None

    @classmethod
    def of(cls, row: ApiKeyRow) -> ApiKey:
        """From its row."""
        return cls(
            id=row.id,
            name=row.name,
            prefix=row.prefix,
            scopes=frozenset(row.scopes),
            collections=None if row.collections is None else frozenset(row.collections),
            created_at=row.created_at,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
            last_used_at=row.last_used_at,
            monthly_tokens=row.monthly_tokens,
            monthly_cost=row.monthly_cost,
        )

    def state(self, now: datetime) -> str:
        """``live``, ``expired`` or ``revoked``."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "live"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        moments = ("created_at", "expires_at", "revoked_at", "last_used_at")
        return {
            "id": self.id,
            "name": self.name,
            "prefix": self.prefix,
            "scopes": sorted(self.scopes),
            "collections": None if self.collections is None else sorted(self.collections),
            **{
                name: None if getattr(self, name) is None else getattr(self, name).isoformat()
                for name in moments
            },
            "monthly_tokens": self.monthly_tokens,
            "monthly_cost": None if self.monthly_cost is None else f"{self.monthly_cost:f}",
        }


def new_token() -> tuple[str, str, str]:
    """``(token, prefix, hash of the secret)``; the token is shown once and stored nowhere."""
    prefix = "".join(secrets.choice(_LETTERS) for _ in range(10))
    secret = secrets.token_urlsafe(32)
    return f"tsk_{prefix}_{secret}", prefix, hash_of(secret)


def parts_of(token: str) -> tuple[str, str] | None:
    """``(prefix, secret)`` of a token; None of anything else."""
    found = _TOKEN.fullmatch(token)
    return (found[1], found[2]) if found else None


def hash_of(secret: str) -> str:
    """SHA-256 in hex. A slow hash is for secrets that can be guessed; these are 256 random bits."""
    return hashlib.sha256(secret.encode("ascii")).hexdigest()
