"""Compressing passages that the caller brings, without any index, with a row in the ledger if wanted."""

from __future__ import annotations

from collections.abc import Sequence

from ..compressors import (
    Budget,
    Compressor,
    Passage,
    Protection,
    TokenCounter,
    counter_name,
    render_context,
)
from .account import Account, price_of
from .failopen import compress_or_original
from .ledger import Database
from .llm import Usage, target_tokenizer
from .prices import cost_of_saved
from .results import QueryResult, Seconds
from .risk import resolve_budget
from .settings import Settings

__all__ = ["compress_passages"]


def compress_passages(
    query: str,
    passages: Sequence[Passage],
    compressor: Compressor,
    budget: Budget,
    settings: Settings,
    *,
    protection: Protection | None = None,
    database: Database | None = None,
    counter: TokenCounter | None = None,
) -> QueryResult:
    """Compress ``passages`` for ``query``; fail-open as in the pipeline.

    ``protection`` is the settings' where None. With a ``database`` one row of kind
    ``compress`` is written; without, nothing is.

    Raises:
        InvalidInput: an empty query where the compressor needs one.
        CalibrationMissing: ``budget.risk`` without a calibration for this compressor.
        DatabaseError: the row could not be written.
    """
    compressor.check_query(query)
    resolved = resolve_budget(budget, compressor, settings, database=database)
    counter = counter or target_tokenizer(settings, substitute=True)
    model = settings.llm_model
    price_model, price = price_of(settings, model)
    account = None
    if database is not None:
        # What extracts runs on this machine: it may begin while its row is being written. What rewrites
        # asks a language model, perhaps for money.
        begin = Account.begin if compressor.kind == "extractive" else Account.open
        account = begin(
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
        context = compress_or_original(
            compressor,
            query,
            passages,
            resolved.budget,
            counter=counter,
            renderer=render_context,
            timeout=settings.compress_timeout,
            protection=protection or settings.protection,
        )
        context = resolved.noted(context)
        cost = None
        if account is not None:
            account.seconds["compress"] = context.seconds
            account.note(context)
            cost = account.close(context, Usage(), None)
        elif price is not None:
            cost = cost_of_saved(context.tokens_before - context.tokens_after, price)
    except BaseException as error:
        if account is not None:
            account.fail(error)
        raise
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
        cost_saved=cost,
        seconds=Seconds(compress=context.seconds),
        stages=context.stages,
        overhead_tokens=context.overhead_tokens,
    )
