"""The pipeline that looks over its own shoulder."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..pipeline import Pipeline
from .backoff import Backoff
from .watcher import Answered, Seen

if TYPE_CHECKING:
    from llama_index.core.llms import ChatResponse

    from ...compressors import Budget
    from ..pipeline import _Run
    from ..results import QueryResult

__all__ = ["ShadowedPipeline"]


class ShadowedPipeline(Pipeline):
    """As :class:`Pipeline`; of users' queries a share is compared with the full context's answer.

    Where a collection has backed off, queries get the safer budget, and say so in their reason.
    """

    def __init__(self, *arguments: Any, backoff: Backoff, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._backoff = backoff

    def _open(self, question: str, collection: str, **options: Any) -> _Run:
        users_own = options.get("kind", "query") == "query" and not options.get("context_only")
        if not users_own or not options.get("compress", True):
            return super()._open(question, collection, **options)
        given = options.get("compressor")
        name = str(getattr(given, "name", None) or given or self.settings.compressor)
        seen = self._backoff.begin(collection, name, options.get("budget") or self.settings.budget)
        if seen.step:
            options |= {"compress": False} if seen.budget is None else {"budget": seen.budget}
        run = super()._open(question, collection, **options)
        run.resolved = replace(run.resolved, note=seen.noted(run.resolved.note))
        run.note = seen
        return run

    def _close(self, run: _Run, response: ChatResponse | None) -> QueryResult:
        result = super()._close(run, response)
        if isinstance(seen := run.note, Seen):
            found = {"top_k": run.top_k, "search": run.search, "compressor": seen.key.compressor}

            def again(budget: Budget | None) -> Answered:
                how = {"compress": False} if budget is None else {"budget": budget}
                return _answered(self.query(run.question, run.collection, kind="shadow", **found, **how))

            self._backoff.look(seen, _answered(result), again)
        return result


def _answered(result: QueryResult) -> Answered:
    return Answered.of(result.id, result.answer or "", result.outcome, result.usage, result.prompt_tokens)
