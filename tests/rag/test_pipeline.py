"""A query from question to ledger: what is sent, counted, priced, recorded, and what failures do."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.llms import MockLLM
from tersus.compressors import Budget, Draft, UnknownCompressor, load_counter, render_context
from tersus.compressors.types import CompressedPassage
from tersus.errors import InvalidInput, TersusError
from tersus.rag.ledger import Database, QueryRepository
from tersus.rag.ledger.errors import UnknownCollection
from tersus.rag.ledger.savings import savings
from tersus.rag.llm import LLMFailed, LLMTimeout
from tersus.rag.pipeline import QuestionTooLong
from tersus.rag.prompt import prompt_text
from tersus.rag.retrieve import EmbeddingMismatch, EmptyCollection

from tests.rag import fakes
from tests.rag.fakes import COUNTER, FirstSentence, HashedEmbedding, ScriptedLLM

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
            "offset": p.source.offset, "title": p.source.title,
            "kept": [{"start": s.start, "end": s.end, "score": 0.5} for s in p.kept or []],
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


def test_what_cannot_be_asked_is_refused_without_a_row(corpus: Database, tmp_path: Path) -> None:
    pipe = fakes.pipeline(corpus, tmp_path, ScriptedLLM())
    for question in ("", " \n\t", None, 7):
        with pytest.raises(InvalidInput, match="question"):
            pipe.query(question, "corpus")  # type: ignore[arg-type]
    with pytest.raises(UnknownCollection, match="corpus"):
        pipe.query(QUESTION, "corpse")
    with pytest.raises(UnknownCompressor):
        pipe.query(QUESTION, "corpus", compressor="zip")
    for top_k in (0, -1, 2.5, True):
        with pytest.raises(InvalidInput, match="top_k"):
            pipe.query(QUESTION, "corpus", compress=False, top_k=top_k)
    with pytest.raises(InvalidInput, match="kind"):
        pipe.query(QUESTION, "corpus", compress=False, kind="party")
    with pytest.raises(InvalidInput, match="language model"):
        fakes.pipeline(corpus, tmp_path, None).query(QUESTION, "corpus")
    assert fakes.rows(corpus) == []


def test_a_collection_without_chunks_and_one_of_another_model_are_errors_with_rows(
    corpus: Database, tmp_path: Path
) -> None:
    fakes.add_document(corpus, "hollow", "empty", [])
    fakes.add_document(corpus, "other", "a", ["Some text."], HashedEmbedding(model_name="other"))
    pipe = fakes.pipeline(corpus, tmp_path, llm := ScriptedLLM())
    errors: list[tuple[str, type[TersusError], str]] = [
        ("hollow", EmptyCollection, "empty_collection"),
        ("other", EmbeddingMismatch, "embedding_mismatch"),
    ]
    for collection, error, code in errors:
        with pytest.raises(error, match=collection):
            pipe.query(QUESTION, collection, compress=False)
        with corpus.session() as session:
            (row,) = QueryRepository(session).list(collection=collection)
        assert (row.outcome, row.error_code, row.tokens_before) == ("failed", code, None)
    assert llm.asked == []


def test_more_passages_than_there_are_gives_all_of_them(corpus: Database, tmp_path: Path) -> None:
    pipe = fakes.pipeline(corpus, tmp_path, ScriptedLLM())
    result = pipe.query(QUESTION, "corpus", compressor=FirstSentence(), top_k=900)
    assert len(result.passages) == 4
    assert (row := fakes.only_row(corpus)).top_k == 900
    assert row.passages_retrieved == 4


def test_a_window_too_small_for_all_passages_holds_the_leading_ones(corpus: Database, tmp_path: Path) -> None:
    full = fakes.pipeline(corpus, tmp_path, ScriptedLLM()).query(QUESTION, "corpus", compress=False)
    empty_prompt = COUNTER(prompt_text(QUESTION, ""))
    two = render_context([CompressedPassage.whole(p.source) for p in full.passages[:2]])
    window = 128 + 64 + empty_prompt + COUNTER(two)
    llm = ScriptedLLM(window=window)
    plain = fakes.pipeline(corpus, tmp_path, llm).query(QUESTION, "corpus", compress=False)
    assert plain.context == two
    assert [bool(p.text) for p in plain.passages] == [True, True, False, False]
    assert plain.tokens_before == plain.tokens_after == COUNTER(two)
    assert plain.outcome == "bypassed"
    assert "first 2 of 4" in str(plain.reason)
    shorter = fakes.pipeline(corpus, tmp_path, llm).query(
        QUESTION, "corpus", compressor=fakes.rewriting("Tides.")
    )
    assert (shorter.outcome, shorter.tokens_before) == ("compressed", COUNTER(two))
    assert shorter.tokens_after == COUNTER(shorter.context) < COUNTER(two)
    longer = fakes.pipeline(corpus, tmp_path, llm).query(
        QUESTION, "corpus", compressor=fakes.rewriting("Tides. " * 90)
    )
    assert (longer.outcome, longer.context) == ("fell_back", two)
    for row, result in zip(fakes.rows(corpus)[1:], (plain, shorter, longer), strict=True):
        assert (row.tokens_before, row.tokens_after) == (result.tokens_before, result.tokens_after)
    for asked in llm.asked:
        text = "\n".join(str(message.content) for message in asked)
        assert COUNTER(text) + 128 <= window


def test_a_question_that_fills_the_window_is_refused_with_a_row(corpus: Database, tmp_path: Path) -> None:
    llm = ScriptedLLM(window=500)
    with pytest.raises(QuestionTooLong, match="window"):
        fakes.pipeline(corpus, tmp_path, llm).query("why? " * 400, "corpus", compress=False)
    row = fakes.only_row(corpus)
    assert (row.outcome, row.error_code) == ("failed", "question_too_long")
    assert llm.asked == []


QUESTIONS = [
    "half a pair \ud83c of the tide", "a \x00 tide", "\x00", "🌊🌙?", "متى يأتي المد؟",
    "\u202etide\u202c", "?", "tide " * 20_000,
]  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS, ids=range(len(QUESTIONS)))
def test_any_question_is_answered_and_stored(corpus: Database, tmp_path: Path, question: str) -> None:
    pipe = fakes.pipeline(corpus, tmp_path, ScriptedLLM(window=100_000))
    result = pipe.query(question, "corpus", compressor=FirstSentence())
    row = fakes.only_row(corpus)
    assert row.outcome == "compressed"
    storable = question.replace("\x00", "\ufffd").replace("\ud83c", "\ufffd")
    assert row.question == storable
    assert len(result.passages) == 4


def test_only_the_context_is_made_where_no_model_is_to_answer(corpus: Database, tmp_path: Path) -> None:
    pipe = fakes.pipeline(corpus, tmp_path, None, price_model="gpt-4o")
    result = pipe.query(QUESTION, "corpus", compressor=FirstSentence(), context_only=True)
    row = fakes.only_row(corpus)
    assert (result.answer, result.prompt_tokens, result.seconds.llm) == (None, None, None)
    assert (row.kind, row.outcome, row.answer, row.prompt_tokens) == ("compress", "compressed", None, None)
    assert (row.model, row.price_model) == ("smollm2", "gpt-4o")
    assert row.cost_saved == result.cost_saved == result.tokens_saved * Decimal("2.5") / 1_000_000


@pytest.mark.parametrize("own", [False, True])
def test_the_context_alone_needs_no_local_model(
    corpus: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    from tersus.compressors.models.store import ModelMissing
    from tersus.rag.local_llm import LocalLLM

    monkeypatch.setenv("TERSUS_MODELS_DIR", str(tmp_path / "none"))
    pipe = fakes.pipeline(corpus, tmp_path, LocalLLM() if own else None, tokenizer=None)
    result = pipe.query(QUESTION, "corpus", compressor=FirstSentence(), context_only=True)
    assert (result.tokenizer, result.model) == ("cl100k", "smollm2")
    assert result.tokens_before == COUNTER(whole_context(result))
    if own:
        with pytest.raises(ModelMissing, match="tersus models install"):
            pipe.query(QUESTION, "corpus", compressor=FirstSentence())


def test_tokens_are_the_models_own_where_a_model_is_handed_over(corpus: Database, tmp_path: Path) -> None:
    for model, expected in [("gpt-4o-mini", "o200k"), ("gpt-4-turbo", "cl100k")]:
        pipe = fakes.pipeline(corpus, tmp_path, ScriptedLLM(model=model), tokenizer=None)
        result = pipe.query(QUESTION, "corpus", compress=False)
        assert result.tokenizer == expected
        assert result.tokens_before == load_counter(expected)(result.context)


def test_time_saved_is_known_only_where_the_time_without_was_measured(
    corpus: Database, tmp_path: Path
) -> None:
    pipe = fakes.pipeline(corpus, tmp_path, MockLLM())
    result = pipe.query(QUESTION, "corpus", compressor=FirstSentence(), seconds_without=1000.0)
    row = fakes.only_row(corpus)
    assert row.net_seconds_saved is not None
    assert result.seconds.total is not None
    assert row.net_seconds_saved == pytest.approx(1000 - result.seconds.total)
    with pytest.raises(InvalidInput, match="seconds_without"):
        pipe.query(QUESTION, "corpus", compressor=FirstSentence(), seconds_without=float("nan"))
    assert len(fakes.rows(corpus)) == 1
