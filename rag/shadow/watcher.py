"""The thread that makes comparisons, one at a time, behind the queries."""

from __future__ import annotations

import hashlib
import logging
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...compressors import Budget
from ...errors import TersusError
from ..ledger import Database
from ..ledger.types import utc_now
from .agreement import Agreement
from .repository import ShadowKey, ShadowRepository

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llama_index.core.base.embeddings.base import BaseEmbedding

    from ..results import QueryResult
    from ..settings import Settings

__all__ = ["Seen", "Watcher", "chosen"]

log = logging.getLogger(__name__)
_WAITING = 100  # more are let go: a check is a sample anyway


@dataclass(frozen=True, slots=True)
class Seen:
    """A query that was answered: how it was asked, and how far from that it was answered."""

    key: ShadowKey
    steps: Sequence[Budget | None]
    step: int
    options: dict[str, Any]
    """Of the pipeline: what finds the same passages."""


def chosen(query_id: str, share: float) -> bool:
    """Whether this query is looked at: by a hash of its id, so that anybody can tell again."""
    digest = hashlib.sha256(query_id.encode()).digest()
    return int.from_bytes(digest[:8]) < share * 2**64


class Watcher:
    """Compares answers in the background.

    Args:
        answer: ``answer(question, collection, **options)``: a query of kind ``shadow``.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        embedding: Callable[[], BaseEmbedding],
        answer: Callable[..., QueryResult],
    ) -> None:
        self._settings = settings
        self._database = database
        self._embedding = embedding
        self._answer = answer
        self._queue: queue.Queue[tuple[Seen, QueryResult] | None] = queue.Queue(_WAITING)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False

    def look(self, seen: Seen, result: QueryResult) -> None:
        """Queue a comparison, if this query is one of the share; returns at once."""
        if result.answer is None or not chosen(result.id, self._settings.shadow_share):
            return
        with self._lock:
            if self._closed:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="tersus shadow")
                self._thread.start()
        try:
            self._queue.put_nowait((seen, result))
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

    def compare(self, seen: Seen, result: QueryResult) -> None:
        """Make the comparison now; what changes by it is logged. Nothing beyond the day's tokens."""
        settings = self._settings
        today = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
        with self._database.session() as session:
            if ShadowRepository(session).spent(today) >= settings.shadow_tokens:
                return
        bypassed = seen.steps[seen.step] is None
        if result.outcome != "compressed" and not bypassed:
            return  # the full context was sent anyway: nothing can be learned
        found: list[tuple[int, Agreement, int]] = []
        tokens, full = 0, result.answer or ""
        if not bypassed:
            shadow = self._again(seen, result, compress=False)
            tokens, full = _tokens(shadow), shadow.answer or ""
            agreement = Agreement.of(result.answer or "", full, self._embedding())
            found.append((seen.step, agreement, tokens))
        if seen.step:
            shadow = self._again(
                seen, result, compressor=seen.key.compressor, budget=seen.steps[seen.step - 1]
            )
            if shadow.outcome == "compressed":
                agreement = Agreement.of(shadow.answer or "", full, self._embedding())
                found.append((seen.step - 1, agreement, _tokens(shadow)))
        with self._database.session(write=True) as session:
            repository = ShadowRepository(session)
            for step, agreement, cost in found:
                repository.add(result.id, seen.key, step, agreement, cost)
            moved = repository.decide(
                seen.key, len(seen.steps), least=settings.shadow_least, limit=settings.shadow_limit,
                confidence=settings.shadow_confidence,
            )  # fmt: skip
        if moved is not None:
            log.warning(
                "%s with %s at %s: now step %d (%s): %s", seen.key.collection, seen.key.compressor,
                seen.key.asked, moved[0], seen.steps[moved[0]] or "no compression", moved[1],
            )  # fmt: skip

    def _again(self, seen: Seen, result: QueryResult, **options: Any) -> QueryResult:
        return self._answer(result.question, seen.key.collection, kind="shadow", **seen.options, **options)


def _tokens(result: QueryResult) -> int:
    usage = result.usage
    return (usage.prompt_tokens or result.prompt_tokens or 0) + (usage.completion_tokens or 0)
