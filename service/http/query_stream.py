"""A query's events: ``context``, ``token`` …, ``done``."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from ...rag import Tersus
from ...rag.api.queries import ContextEvent, QueryRequest, QueryResponse
from ...rag.llm import Usage
from ...rag.pipeline import Prepared
from ...rag.results import QueryResult
from . import metrics
from .deps import Caller
from .events import event
from .spending import query_spending

__all__ = ["events_of"]


async def events_of(
    body: QueryRequest, caller: Caller, tersus: Tersus, options: dict[str, Any]
) -> AsyncGenerator[bytes, None]:
    """The events of one query, ``done`` when its row is written. Raises what the pipeline raises."""
    async with (
        query_spending(body, caller, tersus) as account,
        aclosing(tersus.pipeline.astream(body.query, body.collection, **options)) as pieces,
    ):
        async for piece in pieces:
            if isinstance(piece, Prepared):
                if not body.context_only:  # from here on the prompt is paid for, also where nobody waits
                    account.spent(Usage(), piece.prompt_tokens)
                yield event("context", ContextEvent.of(piece.id, piece.context).model_dump_json())
            elif isinstance(piece, QueryResult):
                account.spent(piece.usage, piece.prompt_tokens)
                metrics.observe_result("compress" if body.context_only else "query", piece)
                yield event("done", QueryResponse.of(piece).model_dump_json())
            else:
                yield event("token", json.dumps({"text": piece}))
