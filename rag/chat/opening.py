"""What comes before sending on: the row opened, the budget in force found, the conversation made smaller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ...compressors import Compressor
from ...errors import InvalidInput
from ..account import Account
from ..ledger import CollectionRepository
from ..llm import tokenizer_of
from ..risk import Resolved, resolve_budget
from ..shadow.watcher import Seen
from .ask import ChatAsk, Opened, said
from .memory import Memory
from .parts import own_text
from .prepare import Asked, prepare
from .shadowing import Instead

if TYPE_CHECKING:
    from ..app import Tersus

__all__ = ["open_chat"]


def open_chat(tersus: Tersus, memory: Memory, ask: ChatAsk, instead: Instead | None = None) -> Opened:
    """Open the row, retrieve and compress; of kind ``shadow`` with another budget where ``instead`` is given.

    Raises:
        InvalidInput, UnknownCompressor, UnknownCollection, EmptyCollection, EmbeddingMismatch, DatabaseError.
    """
    settings, messages = tersus.settings, ask.body["messages"]
    if not any(isinstance(m.get("content"), (str, list)) for m in messages):
        raise InvalidInput("no message has a content", hint="see /docs for the request's form")
    model = ask.model or settings.llm_model
    counter = tokenizer_of(settings, model, settings.llm_base_url is None, substitute=True)
    if ask.collection is not None:
        with tersus.database.session() as session:
            CollectionRepository(session).require(ask.collection)
    force = _in_force(tersus, ask, instead)
    compressor = force.compressor
    top_k = ask.top_k or settings.top_k
    questions = [text for m in messages if m.get("role") == "user" and (text := own_text(m))]
    account = Account.open(
        tersus.database,
        settings,
        model,
        counter,
        kind="query" if instead is None else "shadow",
        question=questions[-1] if questions else "",
        collection=ask.collection,
        compressor=compressor.name if compressor else None,
        budget=force.budget if compressor else None,
        top_k=top_k if ask.collection is not None else None,
        search=settings.search if ask.collection is not None else None,
    )
    try:
        asked = Asked(
            messages=messages,
            collection=ask.collection,
            compressor=compressor,
            budget=force.resolved.budget,
            protection=settings.protection,
            counter=counter,
            top_k=top_k,
            label=force.label,
        )
        sent = prepare(tersus, memory, asked, afresh=instead is not None)
        sent = replace(sent, context=force.resolved.noted(sent.context))
        account.seconds["compress"] = sent.context.seconds
        account.note(sent.context)
        body: dict[str, Any] = {**ask.body, "model": model, "messages": sent.messages}
        options = body.get("stream_options")
        wants = bool(isinstance(options, Mapping) and options.get("include_usage"))
        if body.get("stream"):
            given = options if isinstance(options, Mapping) else {}
            body["stream_options"] = {**given, "include_usage": True}
        tokens = sum(counter(text) for m in sent.messages if (text := said(m)))
        account.known["prompt_tokens"] = tokens
        return Opened(account, sent, body, tokens, counter, wants, ask, force.seen)
    except BaseException as error:
        account.fail(error)
        raise


@dataclass(frozen=True, slots=True)
class _Force:
    """``budget`` in its text form; ``label`` of what was asked for, which backing off does not change."""

    compressor: Compressor | None
    budget: str
    resolved: Resolved
    label: list[Any]
    seen: Seen | None


def _in_force(tersus: Tersus, ask: ChatAsk, instead: Instead | None) -> _Force:
    settings = tersus.settings
    compressor = tersus.compressor(ask.compressor) if ask.compress else None
    asked = ask.budget or settings.budget
    if compressor is None:
        return _Force(None, str(asked), Resolved(asked), [None, None, str(asked)], None)
    label = [compressor.name, settings.options_of(compressor.name), str(asked)]
    seen = None
    if instead is None and ask.collection is not None and tersus.backoff is not None:
        seen = tersus.backoff.begin(ask.collection, compressor.name, asked)
    budget = instead.budget if instead else seen.budget if seen else asked
    if budget is None:
        resolved = Resolved(asked)
    else:
        resolved = resolve_budget(
            budget, compressor, settings, database=tersus.database, collection=ask.collection
        )
    if seen is not None:
        resolved = replace(resolved, note=seen.noted(resolved.note))
    return _Force(compressor if budget is not None else None, str(budget), resolved, label, seen)
