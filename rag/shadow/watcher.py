"""The thread that makes comparisons, one at a time, behind the queries."""

from __future__ import annotations

import hashlib
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...compressors import Budget
from ...errors import TersusError
from ..ledger import Database
from ..ledger.types import utc_now
from .agreement import Agreement
from .repository import ShadowKey, ShadowRepository

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding

    from ..llm import Usage
    from ..settings import Settings

__all__ = ["Again", "Answered", "Seen", "Watcher", "chosen"]

log = logging.getLogger(__name__)
_WAITING = 100  # more are let go: a check is a sample anyway


@dataclass(frozen=True, slots=True)
class Seen:
    """How a query was asked, and how far from that it is answered: ``step`` of ``steps``."""

    key: ShadowKey
    steps: Sequence[Budget | None]
    step: int
    reason: str | None

    @property
    def budget(self) -> Budget | None:
        """The one in force; None: nothing is compressed."""
        return self.steps[self.step]

    def noted(self, note: str | None) -> str | None:
        """``note``, with what is to be said of backing off, if it was."""
        words = f"backed off from {self.key.asked}: {self.reason}" if self.step else None
        return "; ".join(filter(None, (note, words))) or None


@dataclass(frozen=True, slots=True)
class Answered:
    """A query's answer; ``tokens`` were read and written for it by the model."""

    id: str
    text: str
    outcome: str
    tokens: int

    @classmethod
    def of(cls, query_id: str, text: str, outcome: str, usage: Usage, prompt_tokens: int | None) -> Answered:
        """``prompt_tokens``: our own count, where the model gives none."""
        read = usage.prompt_tokens or prompt_tokens or 0
        return cls(query_id, text, outcome, read + (usage.completion_tokens or 0))


Again = Callable[[Budget | None], Answered]
"""Answers the same query with another budget, or the full context (None), as traffic of kind ``shadow``."""


def chosen(query_id: str, share: float) -> bool:
    """Whether this query is looked at: by a hash of its id, so that anybody can tell again."""
    digest = hashlib.sha256(query_id.encode()).digest()
    return int.from_bytes(digest[:8]) < share * 2**64


class Watcher:
    """Compares answers in the background."""

    def __init__(
        self, settings: Settings, database: Database, embedding: Callable[[], BaseEmbedding]
    ) -> None:
        self._settings = settings
        self._database = database
        self._embedding = embedding
        self._queue: queue.Queue[tuple[Seen, Answered, Again] | None] = queue.Queue(_WAITING)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False

    def look(self, seen: Seen, answered: Answered, again: Again) -> None:
        """Queue a comparison, if this query is one of the share; returns at once."""
        if not answered.text or not chosen(answered.id, self._settings.shadow_share):
            return
        with self._lock:
            if self._closed:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="tersus shadow")
                self._thread.start()
        try:
            self._queue.put_nowait((seen, answered, again))
        except queue.Full:
            log.info("a shadow check is let go: %d are waiting", _WAITING)

    def close(self) -> None:
        """End the thread after the comparison that it is at; those that wait are let go."""
        with self._lock:
            self._closed = True
            thread, self._thread = self._thread, None
        if thread is not None:
            with suppress(queue.Full):
                self._queue.put_nowait(None)
            thread.join()

    def settle(self) -> None:
        """Wait until all that is queued was compared."""
        self._queue.join()

    def _run(self) -> None:
        while True:
            item = self._queue.get()
            if item is None or self._closed:
                return
            try:
                self.compare(*item)
            except TersusError as error:
                log.warning("a shadow check failed: %s", error)
            except Exception:
                log.exception("a shadow check failed")
            finally:
                self._queue.task_done()

    def compare(self, seen: Seen, answered: Answered, again: Again) -> None:
        """Make the comparison now; what changes by it is logged. Nothing beyond the day's tokens."""
        settings = self._settings
        today = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
        with self._database.session() as session:
            if ShadowRepository(session).spent(today) >= settings.shadow_tokens:
                return
        if answered.outcome != "compressed" and seen.budget is not None:
            return  # the full context was sent anyway: nothing can be learned
        found: list[tuple[int, Agreement, int]] = []
        full = answered.text
        if seen.budget is not None:
            shadow = again(None)
            full = shadow.text
            agreement = Agreement.of(answered.text, full, self._embedding())
            found.append((seen.step, agreement, shadow.tokens))
        if seen.step:
            shadow = again(seen.steps[seen.step - 1])
            if shadow.outcome == "compressed":
                agreement = Agreement.of(shadow.text, full, self._embedding())
                found.append((seen.step - 1, agreement, shadow.tokens))
        with self._database.session(write=True) as session:
            repository = ShadowRepository(session)
            for step, agreement, cost in found:
                repository.add(answered.id, seen.key, step, agreement, cost)
            moved = repository.decide(
                seen.key, len(seen.steps), least=settings.shadow_least, limit=settings.shadow_limit,
                confidence=settings.shadow_confidence,
            )  # fmt: skip
        if moved is not None:
            log.warning(
                "%s with %s at %s: now step %d (%s): %s", seen.key.collection, seen.key.compressor,
                seen.key.asked, moved[0], seen.steps[moved[0]] or "no compression", moved[1],
            )  # fmt: skip
