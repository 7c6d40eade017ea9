"""Fail-open: whatever a compressor does, the original context is sent and the row says why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from tersus.compressors import (
    Budget,
    CompressedPassage,
    Compressor,
    Draft,
    Passage,
    Span,
    load_compressor,
    render_context,
)
from tersus.rag.failopen import Context, compress_or_original

from tests.rag import fakes
from tests.rag.fakes import COUNTER, FirstSentence

PASSAGES = [
    Passage(text="One is first. Two is second. Three is third.", title="Numbers"),
    Passage(text=""),
    Passage(text="Red is warm. Blue is cold."),
]
WHOLE = "Numbers\nOne is first. Two is second. Three is third.\n\nRed is warm. Blue is cold."


def run(compressor: Compressor | None, passages: Sequence[Passage] = PASSAGES, **options: Any) -> Context:
    options = {"timeout": 30, "counter": COUNTER, "renderer": render_context, **options}
    return compress_or_original(compressor, "Which?", passages, options.pop("budget", Budget()), **options)


def test_a_smaller_context_is_sent() -> None:
    context = run(FirstSentence())
    assert context.text == "Numbers\nOne is first. Three is third.\n\nRed is warm."
    assert (context.tokens_before, context.tokens_after) == (COUNTER(WHOLE), COUNTER(context.text))
    assert (context.outcome, context.reason, context.error_code) == (
        "compressed", "firsts and thirds", None
    )  # fmt: skip


def test_without_a_compressor_everything_is_sent() -> None:
    context = run(None)
    assert (context.text, context.outcome, context.reason) == (WHOLE, "bypassed", None)
    assert context.tokens_before == context.tokens_after == COUNTER(WHOLE)


def test_a_compressor_that_keeps_everything_is_a_bypass_with_its_reason() -> None:
    context = run(load_compressor("none"), budget=Budget(ratio=0.5))
    assert (context.text, context.outcome) == (WHOLE, "bypassed")
    assert "ratio=0.5 was not applied" in str(context.reason)


@pytest.mark.parametrize("passages", [[], [Passage(text="")], [Passage(text="", title="T")]])
def test_nothing_to_compress_is_a_bypass(passages: list[Passage]) -> None:
    context = run(FirstSentence(), passages)
    assert (context.text, context.tokens_before, context.outcome) == ("", 0, "bypassed")
    assert len(context.passages) == len(passages)


def test_everything_removed_is_compressed_with_the_reason() -> None:
    empty = fakes.Scripted(
        lambda task: Draft([CompressedPassage.of(p, []) for p in task.passages], "nothing was near")
    )
    context = run(empty)
    assert (context.text, context.tokens_before, context.tokens_after) == ("", COUNTER(WHOLE), 0)
    assert (context.outcome, context.reason) == ("compressed", "nothing was near")


def test_a_context_as_large_as_before_saves_nothing_and_says_so() -> None:
    context = run(fakes.rewriting(WHOLE.removeprefix("Numbers\n").replace("One", "Six")))
    assert (context.outcome, context.error_code, context.text) == ("fell_back", "not_smaller", WHOLE)
    assert "would not have made the context smaller" in str(context.reason)


@pytest.mark.parametrize("error", [RuntimeError("broken"), RuntimeError(), RecursionError(), StopIteration()])
def test_an_error_of_the_compressor_is_the_reason(error: Exception) -> None:
    context = run(fakes.raising(error))
    assert (context.outcome, context.error_code, context.text) == ("fell_back", "compressor_failed", WHOLE)
    assert str(context.reason).startswith("scripted failed: ")
    assert (str(error) or type(error).__name__) in str(context.reason)
    assert context.seconds > 0


class Careless(FirstSentence):
    """Replaces what measures it."""

    def compress(self, *_: Any, **__: Any) -> Any:
        return "text"


def test_something_that_is_no_compression_is_a_broken_contract() -> None:
    context = run(Careless())
    assert (context.outcome, context.error_code, context.text) == (
        "fell_back", "compressor_contract", WHOLE
    )  # fmt: skip


@pytest.mark.parametrize(
    "draft",
    [
        lambda task: Draft([]),
        lambda task: Draft([CompressedPassage.whole(p) for p in reversed(task.passages)]),
        lambda task: Draft([CompressedPassage(p, [Span(0, 3)], "made up") for p in task.passages]),
        lambda task: Draft([CompressedPassage.of(p, [Span(0, 4), Span(2, 6)]) for p in task.passages]),
        lambda task: Draft([CompressedPassage.of(p, [Span(0, 10**6)]) for p in task.passages]),
    ],
)  # fmt: skip
def test_a_draft_that_breaks_the_contract_is_not_sent(draft: Any) -> None:
    context = run(fakes.Scripted(draft))
    assert (context.outcome, context.error_code, context.text) == (
        "fell_back", "compressor_contract", WHOLE
    )  # fmt: skip


def test_a_budget_that_is_exceeded_is_not_sent() -> None:
    context = run(FirstSentence(), budget=Budget(max_tokens=3))
    assert (context.outcome, context.error_code) == ("fell_back", "compressor_contract")


def test_a_slow_compressor_is_given_up() -> None:
    context = run(fakes.sleeping(5), timeout=0.05)
    assert (context.outcome, context.error_code, context.text) == ("fell_back", "time_limit", WHOLE)
    assert 0.05 <= context.seconds < 5


def test_the_window_holds_the_original_to_the_leading_passages() -> None:
    first = "Numbers\nOne is first. Two is second. Three is third."
    room = COUNTER(first) + 1
    plain = run(None, room=room)
    assert (plain.text, plain.tokens_before, plain.tokens_after) == (first, COUNTER(first), COUNTER(first))
    assert "first 2 of 3" in str(plain.reason)
    smaller = run(fakes.rewriting("One."), room=room)
    assert (smaller.outcome, smaller.tokens_before) == ("compressed", COUNTER(first))
    assert smaller.tokens_after < COUNTER(first)
    too_large = run(fakes.rewriting("many " * 40), room=room)
    assert (too_large.outcome, too_large.error_code, too_large.text) == ("fell_back", "window", first)
    assert too_large.tokens_before == too_large.tokens_after == COUNTER(first)
    assert run(None, room=COUNTER(WHOLE)).text == WHOLE
