"""Where a query comes from: set once by the front door, read wherever a row of the ledger is opened."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

__all__ = ["Origin", "current_origin"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asked, by which door, under which ids. All None for a Python program or the command line."""

    key_id: str | None = None
    key_name: str | None = None
    request_id: str | None = None
    endpoint: str | None = None
    idempotency_key: str | None = None


# A context variable goes with the request through threads (asyncio.to_thread copies the context).
current_origin: ContextVar[Origin] = ContextVar("tersus_origin", default=Origin())  # noqa: B039 - it is frozen
