"""A query from question to ledger: what is sent, counted, priced, recorded, and what failures do."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tersus.compressors import Budget, Draft
from tersus.errors import InvalidInput, TersusError
from tersus.rag.ledger import Database
from tersus.rag.ledger.savings import savings
from tersus.rag.llm import LLMFailed, LLMTimeout
from tersus.rag.prompt import prompt_text

from tests.rag import fakes
from tests.rag.fakes import COUNTER, FirstSentence, ScriptedLLM

QUESTION = "When do spring tides come?"


@pytest.fixture
def corpus(database: Database) -> Database:
    fakes.fill(database)
    return database


def whole_context(result: Any) -> str:
    """Rendered here anew: title and text of every passage retrieved, an empty line between."""
    return "\n\n".join(f"{p.source.title}\n{p.source.text}" for p in result.passages)


def test_a_query_is_answered_counted_priced_and_recorded_once(corpus: Database, tmp_path: Path) -> None:
    llm = ScriptedLLM(answer=" The moon. ", raw=fakes.usage(200, None, 9))
    result = fakes.pipeline(corpus, tmp_path, llm).query(
        QUESTION, "corpus", compressor=FirstSentence(), budget=Budget(ratio=0.5), top_k=3
    )
    row = fakes.only_row(corpus)
    assert (result.outcome, result.answer, result.reason) == ("compressed", "The moon.", "firsts and thirds")
    found = [int(passage.source.id) for passage in result.passages]
    assert fakes.in_order(found, fakes.cosines(corpus, "corpus", QUESTION))
    # Counted anew, with the encoder itself.
    import bpe_openai

    encoding = bpe_openai.get_encoding("cl100k_base")
    assert result.tokens_before == len(encoding.encode_ordinary(whole_context(result)))
    assert result.tokens_after == len(encoding.encode_ordinary(result.context))
    assert 0 < result.tokens_after < result.tokens_before
    blocks = [f"{p.source.title}\n{p.text}" for p in result.passages if p.text]
    assert result.context == "\n\n".join(blocks)
    for passage in result.passages:
        assert passage.kept
        assert passage.text == " ".join(passage.source.text[s.start : s.end] for s in passage.kept)
    assert result.context in str(llm.asked[0][-1].content)
    assert result.prompt_tokens == COUNTER(prompt_text(QUESTION, result.context))
    saved = result.tokens_before - result.tokens_after
    assert result.cost_saved == saved * Decimal("0.15") / 1_000_000
    assert result.usage.prompt_tokens == 200
    expected = {
        "id": result.id, "kind": "query", "question": QUESTION, "collection": "corpus", "answer": "The moon.",
        "compressor": "first_sentence", "budget": "ratio=0.5", "top_k": 3, "passages_retrieved": 3,
        "passages_kept": 3, "tokens_before": result.tokens_before, "tokens_after": result.tokens_after,
        "tokens_saved": saved, "tokenizer": "cl100k", "prompt_tokens": result.prompt_tokens,
        "provider_prompt_tokens": 200, "provider_cached_tokens": None, "provider_completion_tokens": 9,
        "model": "gpt-4o-mini", "price_model": "gpt-4o-mini", "input_price": Decimal("0.15"),
        "cached_price": Decimal("0.075"), "output_price": Decimal("0.6"), "cost_saved": result.cost_saved,
        "overhead_tokens": 0, "overhead_cost": Decimal(0), "net_cost_saved": result.cost_saved,
        "net_seconds_saved": None, "outcome": "compressed", "reason": "firsts and thirds", "error_code": None,
    }  # fmt: skip
    assert {name: getattr(row, name) for name in expected} == expected
    assert row.price_date is not None
    assert row.passages == [
        {
            "id": p.source.id, "document": p.source.document_id,
            "offset": p.source.offset, "title": p.source.title, "text": p.source.text,
            "kept": [{"start": s.start, "end": s.end, "score": 0.5} for s in p.kept or []],
            "sources": [],
        }
        for p in result.passages
    ]  # fmt: skip
    parts = [row.retrieve_seconds, row.compress_seconds, row.llm_seconds]
    assert all(part is not None and part >= 0 for part in parts)
    assert row.total_seconds is not None
    assert row.total_seconds >= sum(part or 0 for part in parts)
    with corpus.session() as session:
        report = savings(session, "model")
    (by_model,) = report.rows
    assert (by_model.key, by_model.queries, by_model.compressed) == ("gpt-4o-mini", 1, 1)
    assert (by_model.tokens_before, by_model.tokens_saved) == (result.tokens_before, saved)
    assert by_model.cost_saved == by_model.net_cost_saved == result.cost_saved


def test_the_share_that_came_from_the_providers_cache_is_priced_as_such_and_row_and_result_agree(
    corpus: Database, tmp_path: Path
) -> None:
    llm = ScriptedLLM(raw=fakes.usage(300, 100))
    result = fakes.pipeline(corpus, tmp_path, llm).query(QUESTION, "corpus", compressor=FirstSentence())
    row = fakes.only_row(corpus)
    # A third at 0.075 and two thirds at 0.15 are 0.125 US dollars per million: 125 nano-dollars a token.
    assert result.cost_saved == Decimal(result.tokens_saved * 125).scaleb(-9)
    assert row.cost_saved == result.cost_saved
    assert (row.provider_prompt_tokens, row.provider_cached_tokens) == (300, 100)


@pytest.mark.parametrize("cached", [1, 7, 299])
def test_costs_finer_than_a_nano_dollar_are_the_same_in_row_and_result(
    corpus: Database, tmp_path: Path, cached: int
) -> None:
    llm = ScriptedLLM(raw=fakes.usage(300, cached))
    result = fakes.pipeline(corpus, tmp_path, llm).query(QUESTION, "corpus", compressor=FirstSentence())
    assert fakes.only_row(corpus).cost_saved == result.cost_saved
    exact = (Decimal(cached) * Decimal("0.075") + (300 - cached) * Decimal("0.15")) * result.tokens_saved
    assert result.cost_saved is not None
    assert abs(result.cost_saved - exact / 300 / 1_000_000) <= Decimal("0.5e-9")


def test_a_model_without_a_price_saves_tokens_and_no_invented_money(corpus: Database, tmp_path: Path) -> None:
    llm = ScriptedLLM(model="our-own-model")
    result = fakes.pipeline(corpus, tmp_path, llm).query(QUESTION, "corpus", compressor=FirstSentence())
    row = fakes.only_row(corpus)
    assert (result.cost_saved, result.price_model, result.input_price) == (None, None, None)
    assert (row.cost_saved, row.net_cost_saved, row.input_price, row.price_model) == (None, None, None, None)
    assert row.tokens_saved == result.tokens_saved > 0
    with corpus.session() as session:
        assert savings(session).total.unpriced == 1


def test_a_bypassed_query_sends_everything(corpus: Database, tmp_path: Path) -> None:
    result = fakes.pipeline(corpus, tmp_path, ScriptedLLM()).query(QUESTION, "corpus", compress=False)
    row = fakes.only_row(corpus)
    assert result.context == whole_context(result)
    assert row.outcome == result.outcome == "bypassed"
    assert (row.compressor, row.budget, row.reason) == (None, None, None)
    assert row.tokens_before == row.tokens_after == result.tokens_before == COUNTER(result.context)
    assert (row.tokens_saved, row.cost_saved) == (0, Decimal(0))


FALL_BACKS: list[tuple[Callable[[], Any], str]] = [
    (lambda: fakes.raising(RuntimeError("out of order")), "compressor_failed"),
    (lambda: fakes.raising(InvalidInput("no")), "invalid_input"),
    (lambda: fakes.rewriting("word " * 500), "not_smaller"),
    (lambda: fakes.Scripted(lambda task: None), "compressor_failed"),
    (lambda: fakes.Scripted(lambda task: "text"), "compressor_failed"),
    (lambda: fakes.Scripted(lambda task: Draft([])), "compressor_contract"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "code"), FALL_BACKS)
def test_a_compressor_that_fails_costs_the_query_nothing(
    corpus: Database, tmp_path: Path, make: Callable[[], Any], code: str
) -> None:
    result = fakes.pipeline(corpus, tmp_path, ScriptedLLM()).query(QUESTION, "corpus", compressor=make())
    row = fakes.only_row(corpus)
    assert result.answer == row.answer == "The moon."
    assert result.outcome == row.outcome == "fell_back"
    assert result.context == whole_context(result)
    assert row.error_code == code
    assert result.reason == row.reason
    assert row.reason
    assert row.tokens_before == row.tokens_after == COUNTER(result.context)
    with corpus.session() as session:
        total = savings(session).total
    assert (total.fell_back, total.tokens_saved, total.cost_saved) == (1, 0, Decimal(0))


def test_a_compressor_that_is_too_slow_is_given_up(corpus: Database, tmp_path: Path) -> None:
    began = time.perf_counter()
    result = fakes.pipeline(corpus, tmp_path, ScriptedLLM(), compress_timeout=0.1).query(
        QUESTION, "corpus", compressor=fakes.sleeping(8)
    )
    assert time.perf_counter() - began < 7  # it did not wait for the compressor
    row = fakes.only_row(corpus)
    assert (row.outcome, row.error_code) == ("fell_back", "time_limit")
    assert result.context == whole_context(result)
    assert row.compress_seconds is not None
    assert 0.1 <= row.compress_seconds < 7


LLM_FAILURES: list[tuple[dict[str, Any], type[TersusError], str]] = [
    ({"error": RuntimeError("boom")}, LLMFailed, "llm_failed"),
    ({"error": TimeoutError("slow")}, LLMTimeout, "llm_timeout"),
    ({"delay": 20.0}, LLMTimeout, "llm_timeout"),
    ({"answer": ""}, LLMFailed, "llm_failed"),
    ({"answer": " \n"}, LLMFailed, "llm_failed"),
    ({"answer": None}, LLMFailed, "llm_failed"),
    ({"error": InvalidInput("no")}, InvalidInput, "invalid_input"),
]


@pytest.mark.parametrize(("script", "error", "code"), LLM_FAILURES)
def test_a_model_that_fails_is_an_error_with_a_row_that_saves_nothing(
    corpus: Database, tmp_path: Path, script: dict[str, Any], error: type[TersusError], code: str
) -> None:
    llm = ScriptedLLM(raw=fakes.usage(50, 10, 3), **script)
    with pytest.raises(error) as caught:
        fakes.pipeline(corpus, tmp_path, llm, llm_timeout=0.2).query(
            QUESTION, "corpus", compressor=FirstSentence()
        )
    llm.release()
    row = fakes.only_row(corpus)
    assert (row.outcome, row.error_code, row.reason) == ("failed", code, str(caught.value))
    assert caught.value.code == code
    assert row.finished_at is not None
    assert row.answer is None
    assert row.llm_seconds is not None
    assert row.tokens_before is not None
    assert row.cost_saved is None
    spent = 50 if "answer" in script else None  # an empty answer costs as much as any
    assert row.provider_prompt_tokens == spent
    with corpus.session() as session:
        total = savings(session).total
    assert (total.queries, total.failed, total.tokens_saved, total.cost_saved) == (1, 1, 0, Decimal(0))


def test_the_row_stands_open_while_the_model_is_asked(corpus: Database, tmp_path: Path) -> None:
    seen: list[tuple[str, Any]] = []

    def look() -> None:
        row = fakes.only_row(corpus)
        seen.append((row.outcome, row.finished_at))

    fakes.pipeline(corpus, tmp_path, ScriptedLLM(before=look)).query(QUESTION, "corpus", compress=False)
    assert seen == [("started", None)]
