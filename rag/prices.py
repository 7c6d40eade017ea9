"""What a model's tokens cost: a small dated table, and how savings are priced."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Context, Decimal
from functools import cache
from importlib import resources
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Price", "cost_of_saved", "find_price"]

_USD = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]
_MILLION = Decimal(1_000_000)
_EXACT = Context(prec=60)  # half to even, whatever decimal context the caller has set
_NANO = Decimal("1e-9")
_DATE = re.compile(r"\d{4}(-?\d{2}-?\d{2})?", re.ASCII)


class Price(BaseModel):
    """USD per million tokens, and the day on which that was the price."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: _USD
    cached: _USD | None = None
    output: _USD = Decimal(0)
    as_of: date | None = None


@cache
def _table() -> dict[str, Price]:
    raw = tomllib.loads(resources.files(__package__).joinpath("prices.toml").read_text("utf-8"))
    return {name: Price(**entry, as_of=raw["as_of"]) for name, entry in raw["models"].items()}


def find_price(model: str, overrides: Mapping[str, Price] | None = None) -> Price | None:
    """The price of ``model``: an override, the table's, or None where neither knows it.

    Dated snapshots (``gpt-4o-mini-2024-07-18``) and provider prefixes (``openai/gpt-4o``)
    find their model; nothing else is guessed, because a wrong price is worse than none.
    """
    known = {**_table(), **(overrides or {})}
    name = model.rsplit("/", 1)[-1]
    for candidate in (model, name):
        if candidate in known:
            return known[candidate]
    dated = [key for key in known if name.startswith(f"{key}-") and _DATE.fullmatch(name[len(key) + 1 :])]
    return known[max(dated, key=len)] if dated else None


def cost_of_saved(
    tokens_saved: int, price: Price, *, prompt_tokens: int | None = None, cached_tokens: int | None = None
) -> Decimal:
    """USD saved by not sending ``tokens_saved`` input tokens, to the nano-dollar that the ledger holds.

    Where the provider served part of the prompt from its cache, the same share of the
    tokens saved is valued at the cache's price: they too would have been cheap.
    """
    cached, prompt, cached_price = 0, 1, price.input
    if cached_tokens and prompt_tokens and price.cached is not None:
        cached, prompt, cached_price = min(cached_tokens, prompt_tokens), prompt_tokens, price.cached
    # One division, last: a share of the prompt such as a third has no exact decimal.
    multiply = _EXACT.multiply
    per_prompt = _EXACT.add(multiply(cached, cached_price), multiply(prompt - cached, price.input))
    usd = _EXACT.divide(multiply(tokens_saved, per_prompt), multiply(prompt, _MILLION))
    return usd.quantize(_NANO, context=_EXACT)
