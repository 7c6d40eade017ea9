"""The pipeline: retrieve, compress, prompt, call, record."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from ..compressors import (
    Budget,
    Compressor,
    Passage,
    Protection,
    TokenCounter,
    counter_name,
    load_compressor,
    render_context,
)
from ..errors import InvalidInput
from .account import Account, price_of
from .cancel import in_thread
from .failopen import Context, compress_or_original
from .ledger import CollectionRepository, Database
from .llm import LLMFailed, Usage, target_model, tokenizer_of, usage_of
from .llm_call import chat_pieces, llm_errors, only_sync
from .prompt import prompt_messages, prompt_text
from .results import QueryResult, Seconds
from .retrieve import NothingFound, PassageSource, SearchSource
from .risk import Resolved, resolve_budget
from .search.options import SearchOptions
from .settings import Settings
from .timelimit import run_with_limit

if TYPE_CHECKING:
    from llama_index.core.llms import LLM, ChatResponse

    from .ledger.tables import Kind

__all__ = ["Pipeline", "Prepared", "QuestionTooLong"]

_MARGIN = 64  # tokens for what a chat template puts around the messages


class QuestionTooLong(InvalidInput):
    """The question alone fills the model's context window."""

    code = "question_too_long"


@dataclass(slots=True)
class _Run:
    """One query on its way: what was asked, and what is known so far."""

    question: str
    collection: str
    model: str
    compressor: Compressor | None
    budget: Budget
    resolved: Resolved
    protection: Protection
    top_k: int
    search: SearchOptions | None
    counter: TokenCounter
    account: Account
    context_only: bool
    seconds_without: float | None
    context: Context | None = None
    prompt_tokens: int | None = None
    note: Any = None
    """What a pipeline built on this one remembers of the query."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is sent, before the answer; ``prompt_tokens`` is None where nothing is asked."""

    id: str
    context: Context
    prompt_tokens: int | None


class Pipeline:
    """Answers questions over collections; one row of the ledger a query.

    Safe to share between threads; ``aquery`` keeps model and SQL work off the event loop.

    Args:
        llm: any LlamaIndex LLM; None allows ``context_only`` queries alone.
        compressors: gives the compressor of a name; by default one is loaded for each query.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        retriever: PassageSource,
        llm: LLM | None = None,
        *,
        compressors: Callable[[str], Compressor] | None = None,
    ) -> None:
        self.settings = settings
        self._compressors = compressors or (lambda name: load_compressor(name, **settings.options_of(name)))
        self.database = database
        self._retriever = retriever
        self._llm = llm

    def query(self, question: str, collection: str, **options: Any) -> QueryResult:
        """Answer ``question`` from ``collection``.

        Options:
            compressor: name or instance; ``settings.compressor`` by default.
            budget: a :class:`Budget`; the settings' by default.
            protection: a :class:`Protection`; the settings' by default.
            compress: False sends the original context (outcome ``bypassed``).
            context_only: stop before the language model; ``answer`` is None.
            top_k: passages to retrieve.
            search: :class:`SearchOptions`, for sources that take them; the settings' mode by default.
            kind: the ledger's kind of traffic; ``query``, or ``compress`` with ``context_only``.
            seconds_without: measured seconds of the same query without compression.

        Raises:
            InvalidInput: empty question, impossible option. QuestionTooLong: no room left for context.
            UnknownCollection, EmptyCollection, EmbeddingMismatch, NothingFound, UnknownCompressor.
            CalibrationMissing: ``budget.risk`` without a calibration for collection and compressor.
            LLMFailed, LLMTimeout: the model's failure, recorded with outcome ``failed``.
            DatabaseError: the row could not be written; nothing is answered unrecorded.
        """
        run = self._open(question, collection, **options)
        with self._recorded(run):
            self._prepare(run)
            return self._close(run, None if run.context_only else self._call(run))

    async def aquery(self, question: str, collection: str, **options: Any) -> QueryResult:
        """As :meth:`query`, for an event loop."""
        run = await self._aopen(question, collection, **options)
        with self._recorded(run):  # closes the row at once if the coroutine itself is thrown away
            try:
                await in_thread(self._prepare, run)
                response = None if run.context_only else await self._acall(run)
                return await asyncio.to_thread(self._close, run, response)
            except (Exception, asyncio.CancelledError) as error:
                # Shielded: a second cancellation does not keep the row from being closed.
                await asyncio.shield(asyncio.to_thread(run.account.fail, error))
                raise

    async def astream(
        self, question: str, collection: str, **options: Any
    ) -> AsyncGenerator[Prepared | str | QueryResult, None]:
        """As :meth:`aquery`, bit by bit: the context that is sent, the answer's pieces, the result.

        The result comes after its row was closed. Close the generator (``aclose``) to give the query up.
        """
        run = await self._aopen(question, collection, **options)
        with self._recorded(run):
            try:
                await in_thread(self._prepare, run)
                assert run.context is not None  # noqa: S101
                yield Prepared(run.account.id, run.context, run.prompt_tokens)
                response = None
                if not run.context_only:
                    assert self._llm is not None  # noqa: S101
                    messages = prompt_messages(run.question, run.context.text)
                    with llm_errors(run.account, run.model, self.settings.llm_timeout):
                        async for piece in chat_pieces(self._llm, messages, self.settings.llm_timeout):
                            if isinstance(piece, str):
                                yield piece
                            else:
                                response = piece
                yield await asyncio.to_thread(self._close, run, response)
            except BaseException as error:
                await asyncio.shield(asyncio.to_thread(run.account.fail, error))
                raise

    async def _aopen(self, question: str, collection: str, **options: Any) -> _Run:
        """Open the row in a thread; a task cancelled meanwhile does not leave it open."""
        opened: Future[_Run] = Future()

        def work() -> None:
            try:
                opened.set_result(self._open(question, collection, **options))
            except BaseException as error:  # noqa: BLE001 - raised again below
                opened.set_exception(error)

        try:
            await asyncio.to_thread(work)
        except asyncio.CancelledError as cancelled:
            opened.add_done_callback(partial(_give_up, cancelled))
            raise
        return opened.result()

    def _open(
        self,
        question: str,
        collection: str,
        *,
        compressor: str | Compressor | None = None,
        budget: Budget | None = None,
        protection: Protection | None = None,
        compress: bool = True,
        context_only: bool = False,
        top_k: int | None = None,
        search: SearchOptions | None = None,
        kind: Kind = "query",
        seconds_without: float | None = None,
    ) -> _Run:
        """Refuse what cannot work, then open the row."""
        if not isinstance(question, str) or not question.strip():
            raise InvalidInput("the question is empty", hint="ask something")
        if self._llm is None and not context_only:
            raise InvalidInput("no language model is configured", hint="pass one, or context_only=True")
        if isinstance(top_k, bool) or not isinstance(top_k, int | None) or (top_k is not None and top_k < 1):
            raise InvalidInput(f"top_k is {top_k!r}", hint="give a whole number of at least 1")
        if search is not None and not isinstance(search, SearchOptions):
            raise InvalidInput(f"search is {search!r:.60}", hint='pass SearchOptions(mode="hybrid")')
        if search is not None and not hasattr(self._retriever, "retrieve_batch"):
            raise InvalidInput(
                f"{type(self._retriever).__name__} takes no search options", hint="leave search out"
            )
        if seconds_without is not None and not math.isfinite(seconds_without):
            raise InvalidInput(f"seconds_without is {seconds_without}", hint="leave it out where unknown")
        chosen = None
        if compress:
            chosen = compressor if isinstance(compressor, Compressor) else None
            if chosen is None:
                chosen = self._compressors(str(compressor or self.settings.compressor))
        budget = budget or self.settings.budget
        top_k = top_k or self.settings.top_k
        model, local = target_model(self.settings, self._llm)
        counter = tokenizer_of(self.settings, model, local, substitute=context_only)
        with self.database.session() as session:
            CollectionRepository(session).require(collection)
        resolved = Resolved(budget)
        if chosen is not None:
            resolved = resolve_budget(
                budget, chosen, self.settings, database=self.database, collection=collection
            )
        account = Account.open(
            self.database,
            self.settings,
            model,
            counter,
            kind="compress" if context_only and kind == "query" else kind,
            question=question,
            collection=collection,
            compressor=chosen.name if chosen else None,
            budget=str(budget) if chosen else None,
            top_k=top_k,
            search=self._mode(search),
        )
        return _Run(
            question=question,
            collection=collection,
            model=model,
            compressor=chosen,
            budget=budget,
            resolved=resolved,
            protection=protection or self.settings.protection,
            top_k=top_k,
            search=search,
            counter=counter,
            account=account,
            context_only=context_only,
            seconds_without=seconds_without,
        )

    def _mode(self, search: SearchOptions | None) -> str | None:
        if not hasattr(self._retriever, "retrieve_batch"):
            return None  # a source of somebody else's
        return (search.mode if search is not None else None) or self.settings.search

    def _prepare(self, run: _Run) -> None:
        """Retrieve and compress."""
        room = None if run.context_only else self._room(run)
        started = time.perf_counter()
        passages = self._retrieve(run)
        run.account.seconds["retrieve"] = time.perf_counter() - started
        context = compress_or_original(
            run.compressor,
            run.question,
            passages,
            run.resolved.budget,
            counter=run.counter,
            renderer=render_context,
            timeout=self.settings.compress_timeout,
            protection=run.protection,
            room=room,
        )
        run.context = run.resolved.noted(context)
        run.account.seconds["compress"] = run.context.seconds
        run.account.note(run.context)
        if not run.context_only:
            run.prompt_tokens = run.counter(prompt_text(run.question, run.context.text))
            run.account.known["prompt_tokens"] = run.prompt_tokens

    def _retrieve(self, run: _Run) -> list[Passage]:
        if run.search is None:
            found = self._retriever.retrieve(run.question, run.collection, run.top_k)
        else:
            searching = cast(SearchSource, self._retriever)  # _open refuses others
            found = searching.retrieve(run.question, run.collection, run.top_k, run.search)
        if not found:
            raise NothingFound(
                f"nothing in {run.collection!r} is left to answer from",
                hint="loosen filter and min_score, or search by another mode",
            )
        return found

    def _room(self, run: _Run) -> int:
        """Tokens that the window leaves for the context."""
        assert self._llm is not None  # noqa: S101 - _open refuses this
        metadata = self._llm.metadata
        reserved = min(metadata.num_output or 0, metadata.context_window // 2) + _MARGIN
        used = run.counter(prompt_text(run.question, ""))
        room = metadata.context_window - reserved - used
        if room < 1:
            raise QuestionTooLong(
                f"the question takes {used} of the {metadata.context_window} tokens of {run.model}'s window, "
                f"and {reserved} are reserved for the answer",
                hint="shorten the question, or use a model with a larger window",
            )
        return room

    def _call(self, run: _Run) -> ChatResponse:
        assert self._llm is not None  # noqa: S101
        assert run.context is not None  # noqa: S101
        llm, messages = self._llm, prompt_messages(run.question, run.context.text)
        with llm_errors(run.account, run.model, self.settings.llm_timeout):
            return run_with_limit(lambda: llm.chat(messages), self.settings.llm_timeout, run.model)

    async def _acall(self, run: _Run) -> ChatResponse:
        assert self._llm is not None  # noqa: S101
        assert run.context is not None  # noqa: S101
        if only_sync(self._llm):
            return await asyncio.to_thread(self._call, run)
        messages = prompt_messages(run.question, run.context.text)
        with llm_errors(run.account, run.model, self.settings.llm_timeout):
            return await asyncio.wait_for(self._llm.achat(messages), self.settings.llm_timeout)

    def _close(self, run: _Run, response: ChatResponse | None) -> QueryResult:
        assert run.context is not None  # noqa: S101
        context, account = run.context, run.account
        usage = usage_of(response) if response is not None else Usage()
        account.note_usage(usage)
        answer = None if response is None else (response.message.content or "").strip()
        if answer == "":
            raise LLMFailed(f"{run.model} gave an empty answer")
        total = account.total()
        saved = None if run.seconds_without is None else run.seconds_without - total
        cost = account.close(context, usage, answer, net_seconds_saved=saved)
        return QueryResult(
            id=account.id,
            question=run.question,
            collection=run.collection,
            answer=answer,
            passages=context.passages,
            context=context.text,
            tokens_before=context.tokens_before,
            tokens_after=context.tokens_after,
            tokenizer=counter_name(run.counter),
            prompt_tokens=run.prompt_tokens,
            outcome=context.outcome,
            reason=context.reason,
            compressor=run.compressor.name if run.compressor else None,
            budget=str(run.budget) if run.compressor else None,
            model=run.model,
            usage=usage,
            price_model=price_of(self.settings, run.model)[0] if account.price else None,
            input_price=account.price.input if account.price else None,
            cost_saved=cost,
            seconds=Seconds(**account.seconds, total=total),
            stages=context.stages,
            overhead_tokens=context.overhead_tokens,
        )

    @contextmanager
    def _recorded(self, run: _Run) -> Iterator[None]:
        """Whatever ends the query, its row is closed; also a cancelled task or Ctrl-C."""
        try:
            yield
        except BaseException as error:
            run.account.fail(error)
            raise


def _give_up(error: BaseException, opened: Future[_Run]) -> None:
    """Close the row that was opened for a task which did not wait for it."""
    if opened.exception() is None:
        opened.result().account.fail(error)
