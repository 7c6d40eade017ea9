"""What may be asked of a pipeline, and of which size: refused early, fitted, or answered and recorded."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.llms import MockLLM
from tersus.compressors import UnknownCompressor, load_counter, render_context
from tersus.compressors.types import CompressedPassage
from tersus.errors import InvalidInput, TersusError
from tersus.rag.ledger import Database, QueryRepository
from tersus.rag.ledger.errors import UnknownCollection
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
