"""The pipeline that looks over its own shoulder."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..pipeline import Pipeline
from .ladder import ladder
from .repository import ShadowKey, ShadowRepository
from .watcher import Seen, Watcher

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.llms import ChatResponse

    from ..pipeline import _Run
    from ..results import QueryResult

__all__ = ["ShadowedPipeline"]

_KNOWN = 5.0  # seconds for which a step is not looked up again


class ShadowedPipeline(Pipeline):
    """As :class:`Pipeline`; of users' queries a share is compared with the full context's answer.

    Where a collection has backed off, queries get the safer budget, and say so in their reason. ``close``
    ends the thread.

    Args:
        embedding: of the answers, to compare them.
        watch: False only keeps to what was decided elsewhere: for a process that ends at once.
    """

    def __init__(
        self, *arguments: Any, embedding: Callable[[], BaseEmbedding], watch: bool = True, **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self._watcher = Watcher(self.settings, self.database, embedding, self.query) if watch else None
        self._steps: dict[ShadowKey, tuple[float, int, str | None]] = {}

    def settle(self) -> None:
        """Wait for the comparisons that are queued: for a program that is about to end."""
        if self._watcher is not None:
            self._watcher.settle()

    def close(self) -> None:
        """End the comparisons; those that wait are let go."""
        if self._watcher is not None:
            self._watcher.close()

    def _open(self, question: str, collection: str, **options: Any) -> _Run:
        users_own = options.get("kind", "query") == "query" and not options.get("context_only")
        if not users_own or not options.get("compress", True):
            return super()._open(question, collection, **options)
        given = options.get("compressor")
        name = str(getattr(given, "name", None) or given or self.settings.compressor)
        asked = options.get("budget") or self.settings.budget
        steps = ladder(asked)
        key = ShadowKey(collection, name[:200], str(asked)[:100])
        step, reason = self._step(key)
        step = min(step, len(steps) - 1)
        if step:
            budget = steps[step]
            options |= {"compress": False} if budget is None else {"budget": budget}
        run = super()._open(question, collection, **options)
        if step:
            words = f"backed off from {asked}: {reason}"
            run.resolved = replace(run.resolved, note="; ".join(filter(None, (run.resolved.note, words))))
        run.note = Seen(key, steps, step, {"top_k": run.top_k, "search": run.search})
        return run

    def _close(self, run: _Run, response: ChatResponse | None) -> QueryResult:
        result = super()._close(run, response)
        if isinstance(run.note, Seen) and self._watcher is not None:
            self._watcher.look(run.note, result)
        return result

    def _step(self, key: ShadowKey) -> tuple[int, str | None]:
        known = self._steps.get(key)
        now = time.monotonic()
        if known is None or now - known[0] > _KNOWN:
            with self.database.session() as session:
                known = (now, *ShadowRepository(session).step(key))
            if len(self._steps) > 1000:
                self._steps.clear()
            self._steps[key] = known
        return known[1], known[2]
