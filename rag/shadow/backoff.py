"""Which budget is in force for a query, and the comparisons that change it; one for all doors of a Tersus."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...compressors import Budget
from ..ledger import Database
from .ladder import ladder
from .repository import ShadowKey, ShadowRepository
from .watcher import Again, Answered, Seen, Watcher

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding

    from ..settings import Settings

__all__ = ["Backoff"]

_KNOWN = 5.0  # seconds for which a step is not looked up again
_MOST = 1000  # keys whose steps are held


class Backoff:
    """Safe to share between threads; ``close`` ends its thread.

    Args:
        embedding: of the answers, to compare them.
        watch: False only keeps to what was decided elsewhere: for a process that ends at once.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        embedding: Callable[[], BaseEmbedding],
        *,
        watch: bool = True,
    ) -> None:
        self._database = database
        self._watcher = Watcher(settings, database, embedding) if watch else None
        self._steps: dict[ShadowKey, tuple[float, int, str | None]] = {}

    def begin(self, collection: str, compressor: str, asked: Budget) -> Seen:
        """How a query that asks for this is to be answered now. Raises DatabaseError."""
        key = ShadowKey(collection, compressor[:200], str(asked)[:100])
        steps = ladder(asked)
        step, reason = self._step(key)
        return Seen(key, steps, min(step, len(steps) - 1), reason)

    def look(self, seen: Seen, answered: Answered, again: Again) -> None:
        """Queue a comparison, if this query is one of the share; returns at once."""
        if self._watcher is not None:
            self._watcher.look(seen, answered, again)

    def settle(self) -> None:
        """Wait for the comparisons that are queued: for a program that is about to end."""
        if self._watcher is not None:
            self._watcher.settle()

    def close(self) -> None:
        """End the comparisons; those that wait are let go."""
        if self._watcher is not None:
            self._watcher.close()

    def _step(self, key: ShadowKey) -> tuple[int, str | None]:
        known = self._steps.get(key)
        now = time.monotonic()
        if known is None or now - known[0] > _KNOWN:
            with self._database.session() as session:
                known = (now, *ShadowRepository(session).step(key))
            if len(self._steps) > _MOST:
                self._steps.clear()
            self._steps[key] = known
        return known[1], known[2]
