"""Prices: dated, never guessed, and costs that are exact."""

from __future__ import annotations

import decimal
import tomllib
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tersus.rag.prices import Price, cost_of_saved, find_price

RAW = tomllib.loads(resources.files("tersus.rag").joinpath("prices.toml").read_text("utf-8"))
MINI = Price(input=Decimal("0.15"), cached=Decimal("0.075"), output=Decimal("0.6"))


@pytest.mark.parametrize("model", RAW["models"])
def test_every_built_in_price_is_found_with_a_date(model: str) -> None:
    price = find_price(model)
    assert price is not None
    assert price.as_of == RAW["as_of"]
    assert isinstance(price.as_of, date)
    entry = RAW["models"][model]
    assert (price.input, price.cached, price.output) == tuple(
        Decimal(entry[n]) for n in ("input", "cached", "output")
    )
    assert price.cached is not None
    assert price.cached <= price.input <= price.output


@pytest.mark.parametrize(
    ("asked", "model"),
    [
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("gpt-4.1-mini-2025-04-14", "gpt-4.1-mini"),
        ("gpt-5-nano-2025-08-07", "gpt-5-nano"),
        ("openai/gpt-4o", "gpt-4o"),
        ("openrouter/openai/gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("anthropic/claude-sonnet-5", "claude-sonnet-5"),
    ],
)
def test_snapshots_and_prefixes_find_their_model(asked: str, model: str) -> None:
    assert find_price(asked) == find_price(model) is not None


@pytest.mark.parametrize(
    "model",
    ["", "gpt-4", "gpt-4o-audio-preview", "gpt-4o-mini-tts", "gpt-4o-audio-preview-2024-12-17", "gpt-5-pro",
     "gpt-5.1", "claude-opus-5-1", "claude-sonnet-5-5", "claude-opus-5-1-20270101", "gpt-5-2", "GPT-4o",
     "gpt-4o-2024x", "gpt-4o-", "gpt-4o-20240", "llama-3", "unknown", "gpt-4o/finetuned"],
)  # fmt: skip
def test_no_price_is_guessed(model: str) -> None:
    assert find_price(model) is None


def test_own_prices_extend_and_override() -> None:
    own = {"mine": MINI, "gpt-4o": Price(input=Decimal(1)), "openai/gpt-5": Price(input=Decimal(9))}
    assert find_price("mine", own) is MINI
    assert find_price("mine-2026-01-01", own) is MINI
    assert find_price("openai/gpt-4o", own) is own["gpt-4o"]
    assert find_price("openai/gpt-5", own) is own["openai/gpt-5"]
    assert find_price("gpt-5", own) == find_price("gpt-5")
    assert find_price("gpt-4o") != own["gpt-4o"]  # the table itself is untouched


@pytest.mark.parametrize("wrong", [{"input": "-1"}, {"input": "NaN"}, {"input": "1", "extra": "2"}, {}])
def test_a_price_that_is_none_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Price(**wrong)  # type: ignore[arg-type]


def test_tokens_saved_are_worth_the_input_price() -> None:
    assert cost_of_saved(1_000_000, MINI) == Decimal("0.15")
    assert cost_of_saved(1, MINI) == Decimal("0.00000015")
    assert cost_of_saved(0, MINI) == 0
    assert cost_of_saved(10, Price(input=Decimal(0))) == 0


def test_the_cached_share_is_worth_the_cached_price() -> None:
    assert cost_of_saved(1_000_000, MINI, prompt_tokens=100, cached_tokens=100) == Decimal("0.075")
    assert cost_of_saved(1_000_000, MINI, prompt_tokens=400, cached_tokens=100) == Decimal("0.13125")
    no_price = Price(input=Decimal("0.15"))
    assert cost_of_saved(1_000_000, no_price, prompt_tokens=400, cached_tokens=100) == Decimal("0.15")
    # What a provider says may be impossible.
    assert cost_of_saved(1_000_000, MINI, prompt_tokens=100, cached_tokens=900) == Decimal("0.075")
    for prompt, cached in [(0, 5), (None, 5), (100, None), (100, 0)]:
        assert cost_of_saved(1_000_000, MINI, prompt_tokens=prompt, cached_tokens=cached) == Decimal("0.15")


@given(
    st.integers(0, 10**9),
    st.decimals(0, 1000, places=6),
    st.decimals(0, 1000, places=6),
    st.integers(1, 10**7),
    st.integers(0, 10**7),
)
def test_costs_are_exact_to_the_nano_dollar_in_any_decimal_context(
    saved: int, price: Decimal, cached_price: Decimal, prompt: int, cached: int
) -> None:
    with decimal.localcontext(prec=3, rounding=decimal.ROUND_UP):
        cost = cost_of_saved(
            saved, Price(input=price, cached=cached_price), prompt_tokens=prompt, cached_tokens=cached
        )
    share = Fraction(min(cached, prompt), prompt)
    exact = saved * (share * Fraction(cached_price) + (1 - share) * Fraction(price)) / 10**6
    assert Fraction(cost) == Fraction(round(exact * 10**9), 10**9)  # round() takes half to even
    assert cost == cost.quantize(Decimal("1e-9"), ROUND_HALF_EVEN)
