"""A key's monthly budget around a request that may spend it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from decimal import Decimal

from ...rag import Tersus
from ...rag.account import price_of
from ...rag.api.queries import QueryRequest
from ...rag.keys import Budgets
from ...rag.llm import Usage, target_model, tokenizer_of
from ...rag.prices import Price
from .deps import Caller

__all__ = ["Spending", "query_spending", "spending"]

_MILLION = Decimal(1_000_000)
_PROMPT = 256  # tokens of instructions, titles and marks, about


@dataclass(slots=True)
class Spending:
    """What a request spends at its model's price; nothing, until `spent` was called.

    ``price`` None: not known.
    """

    price: Price | None
    tokens: int = 0
    cost: Decimal | None = None

    def spent(self, usage: Usage, prompt_tokens: int | None, completion_tokens: int | None = None) -> None:
        """Note what the provider counted; where it did not, our own counts."""
        read = usage.prompt_tokens if usage.prompt_tokens is not None else prompt_tokens or 0
        written = usage.completion_tokens if usage.completion_tokens is not None else completion_tokens or 0
        self.tokens = read + written
        self.cost = self.cost_of(read, written, usage.cached_tokens or 0)

    def cost_of(self, read: int, written: int, cached: int = 0) -> Decimal | None:
        """US dollars of so many tokens."""
        if self.price is None:
            return None
        cached = min(cached, read) if self.price.cached is not None else 0
        total = (read - cached) * self.price.input + cached * (self.price.cached or Decimal(0))
        usd = (total + written * self.price.output) / _MILLION
        return usd.quantize(Decimal("1e-9"))


@asynccontextmanager
async def spending(
    tersus: Tersus, caller: Caller, most: Callable[[], tuple[str, int, int]]
) -> AsyncIterator[Spending]:
    """Reserve the most that a request may spend, settle what it did; for callers with a budget alone.

    A request that fails settles what was noted until then.

    Args:
        most: model, and the most tokens that it will read and write; called in a thread.

    Raises:
        BudgetExhausted: before anything is spent.
    """
    key = caller.key
    if key is None or (key.monthly_tokens is None and key.monthly_cost is None):
        yield Spending(None)
        return
    budgets = Budgets(tersus.database)
    model, read, written = await asyncio.to_thread(most)
    account = Spending(price_of(tersus.settings, model)[1])
    reservation = await asyncio.to_thread(
        budgets.reserve, key, read + written, account.cost_of(read, written)
    )
    try:
        yield account
    finally:
        settle = asyncio.to_thread(budgets.settle, reservation, account.tokens, account.cost)
        await asyncio.shield(settle)


def query_spending(
    body: QueryRequest, caller: Caller, tersus: Tersus
) -> AbstractAsyncContextManager[Spending]:
    """`spending` for a question to a collection; nothing where no language model is asked."""
    if body.context_only:
        return nullcontext(Spending(None))
    return spending(tersus, caller, lambda: _most(body, tersus))


def _most(body: QueryRequest, tersus: Tersus) -> tuple[str, int, int]:
    settings = tersus.settings
    model, local = target_model(settings, tersus.llm)
    counter = tokenizer_of(settings, model, local)
    passages = (body.top_k or settings.top_k) * (1 + 2 * (body.search.window if body.search else 0))
    read = counter(body.query) + passages * settings.chunk_tokens + _PROMPT
    return model, read, settings.llm_max_tokens
