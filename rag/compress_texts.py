"""Compressing passages that the caller brings, without any index, with a row in the ledger if wanted."""

from __future__ import annotations

from collections.abc import Sequence

from ..compressors import Budget, Compressor, Passage, TokenCounter, counter_name, render_context
from ..errors import InvalidInput
from .account import Account, price_of
from .failopen import Context, compress_or_original
from .ledger import Database
from .llm import Usage, target_tokenizer
from .prices import cost_of_saved
from .results import QueryResult, Seconds
from .settings import Settings

__all__ = ["compress_passages"]


def compress_passages(
    query: str,
    passages: Sequence[Passage],
    compressor: Compressor,
    budget: Budget,
    settings: Settings,
    *,
    database: Database | None = None,
    counter: TokenCounter | None = None,
) -> QueryResult:
    """Compress ``passages`` for ``query``; fail-open as in the pipeline.

    With a ``database`` one row of kind ``compress`` is written; without, nothing is.

    Raises:
        InvalidInput: an empty query where the compressor needs one.
        DatabaseError: the row could not be written.
    """
    if compressor.needs_query and not query.strip():
        raise InvalidInput(f"{compressor.name} needs a query, and this one is empty")
    counter = counter or target_tokenizer(settings, substitute=True)
    model = settings.llm_model
    account = None
    if database is not None:
        account = Account.open(
            database,
            settings,
            model,
            counter,
            kind="compress",
            question=query,
            compressor=compressor.name,
            budget=str(budget),
        )
    try:
        context = _compress(query, passages, compressor, budget, settings, counter)
        if account is not None:
            account.seconds["compress"] = context.seconds
            account.note(context)
            account.close(context, Usage(), None)
    except BaseException as error:
        if account is not None:
            account.fail(error)
        raise
    price_model, price = price_of(settings, model)
    return QueryResult(
        id=account.id if account else "",
        question=query,
        collection=None,
        answer=None,
        passages=context.passages,
        context=context.text,
        tokens_before=context.tokens_before,
        tokens_after=context.tokens_after,
        tokenizer=counter_name(counter),
        prompt_tokens=None,
        outcome=context.outcome,
        reason=context.reason,
        compressor=compressor.name,
        budget=str(budget),
        model=model,
        price_model=price_model if price else None,
        input_price=price.input if price else None,
        cost_saved=cost_of_saved(context.tokens_before - context.tokens_after, price) if price else None,
        seconds=Seconds(compress=context.seconds),
    )


def _compress(
    query: str,
    passages: Sequence[Passage],
    compressor: Compressor,
    budget: Budget,
    settings: Settings,
    counter: TokenCounter,
) -> Context:
    return compress_or_original(
        compressor,
        query,
        passages,
        budget,
        counter=counter,
        renderer=render_context,
        timeout=settings.compress_timeout,
    )
