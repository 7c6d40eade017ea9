"""Passages that the caller brings: compressed without an index, accounted for where a database is given."""

from __future__ import annotations

import threading
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tersus.compressors import (
    Budget,
    CompressedPassage,
    Draft,
    Passage,
    Span,
    Task,
    load_compressor,
    load_counter,
)
from tersus.errors import InvalidInput
from tersus.rag.compress_texts import compress_passages
from tersus.rag.ledger import Database, QueryWrites
from tersus.rag.ledger.errors import DiskFull
from tersus.rag.ledger.savings import savings

from tests.rag import fakes
from tests.rag.fakes import COUNTER, FirstSentence

PASSAGES = [
    Passage(text="One is first. Two is second.", id="a", title="Numbers", document_id="d", offset=7),
    Passage(text="Red is warm. Blue is cold. Green is neither."),
]
WHOLE = "Numbers\nOne is first. Two is second.\n\nRed is warm. Blue is cold. Green is neither."


def run(home: Path, compressor: Any = None, query: str = "Which?", **options: Any) -> Any:
    settings = fakes.settings(home, price_model="gpt-4o")
    passages = options.pop("passages", PASSAGES)
    return compress_passages(query, passages, compressor or FirstSentence(), Budget(), settings, **options)


def test_the_result_and_its_row_say_the_same(database: Database, tmp_path: Path) -> None:
    result = run(tmp_path, database=database)
    row = fakes.only_row(database)
    assert result.context == "Numbers\nOne is first.\n\nRed is warm. Green is neither."
    assert (result.tokens_before, result.tokens_after) == (COUNTER(WHOLE), COUNTER(result.context))
    assert result.cost_saved == row.cost_saved == result.tokens_saved * Decimal("2.5") / 1_000_000
    assert (row.id, row.kind, row.outcome, row.collection) == (result.id, "compress", "compressed", None)
    assert (row.tokens_before, row.tokens_after) == (result.tokens_before, result.tokens_after)
    assert (row.answer, row.llm_seconds, row.compressor, row.budget) == (
        None, None, "first_sentence", "adaptive"
    )  # fmt: skip
    assert row.passages is not None
    assert row.passages[0] == {
        "id": "a", "document": "d", "offset": 7, "title": "Numbers",
        "text": "One is first. Two is second.",
        "kept": [{"start": 0, "end": 13, "score": 0.5}], "sources": [],
    }  # fmt: skip
    with database.session() as session:
        assert savings(session).total.tokens_saved == result.tokens_saved > 0


def test_without_a_database_the_figures_are_the_same_and_nothing_is_stored(
    database: Database, tmp_path: Path
) -> None:
    recorded, plain = run(tmp_path, database=database), run(tmp_path)
    own = {"id": None, "seconds": None}
    assert {**plain.to_dict(), **own} == {**recorded.to_dict(), **own}
    assert plain.id == ""
    assert len(fakes.rows(database)) == 1


def test_failures_of_the_compressor_give_the_original(database: Database, tmp_path: Path) -> None:
    result = run(tmp_path, fakes.raising(RuntimeError("broken")), database=database)
    row = fakes.only_row(database)
    assert (result.context, result.outcome, result.cost_saved) == (WHOLE, "fell_back", 0)
    assert (row.outcome, row.error_code, row.tokens_saved) == ("fell_back", "compressor_failed", 0)


def test_what_extracts_begins_while_its_row_is_written_and_what_rewrites_does_not(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compressing = threading.Event()
    start = QueryWrites.start
    seen: list[bool] = []

    def held(self: QueryWrites, record: Any) -> str:
        seen.append(compressing.wait(5 if first else 0.05))
        return start(self, record)

    def act(task: Task) -> Draft:
        compressing.set()
        return Draft([CompressedPassage.of(p, [Span(0, 4, 0.5)]) for p in task.passages])

    class Rewriting(fakes.Scripted):
        kind: ClassVar[Any] = "abstractive"

    monkeypatch.setattr(QueryWrites, "start", held)
    first = True
    assert run(tmp_path, fakes.Scripted(act), database=database).outcome == "compressed"
    compressing.clear()
    first = False
    assert run(tmp_path, Rewriting(act), database=database).outcome == "compressed"
    assert seen == [True, False]
    assert [row.outcome for row in fakes.rows(database)] == ["compressed", "compressed"]


def test_nothing_is_answered_where_the_row_could_not_be_begun(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any) -> None:
        raise DiskFull("no space left")

    monkeypatch.setattr(QueryWrites, "start", refuse)
    with pytest.raises(DiskFull):
        run(tmp_path, database=database)
    assert fakes.rows(database) == []
    assert "could not be closed" not in caplog.text


def test_an_empty_query_is_refused_where_the_compressor_needs_one(database: Database, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="needs a query"):
        run(tmp_path, query=" ", database=database)
    assert fakes.rows(database) == []
    assert run(tmp_path, load_compressor("none"), query="", database=database).context == WHOLE


def test_what_is_no_passage_is_refused_and_the_row_says_so(database: Database, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="Passage"):
        run(tmp_path, passages=["text"], database=database)
    row = fakes.only_row(database)
    assert (row.outcome, row.error_code) == ("failed", "invalid_input")


@pytest.mark.parametrize("text", ["half \ud83c a pair. More text.", "a \x00 b. More text.", "🌊. 🌙. متى."])
def test_any_text_is_compressed_and_its_account_stored(database: Database, tmp_path: Path, text: str) -> None:
    passages = [Passage(text=text, title=text[:8], document_id=text)]
    result = run(tmp_path, passages=passages, database=database)
    row = fakes.only_row(database)
    assert row.outcome == "compressed"
    for kept in result.passages[0].kept:
        assert text[kept.start : kept.end] in result.context
    assert row.tokens_after == result.tokens_after == COUNTER(result.context)


def test_a_counter_of_the_callers_is_used_and_named(database: Database, tmp_path: Path) -> None:
    result = run(tmp_path, database=database, counter=load_counter("o200k"))
    assert fakes.only_row(database).tokenizer == result.tokenizer == "o200k"
    assert result.tokens_before == load_counter("o200k")(WHOLE)

    def words(text: str) -> int:
        return len(text.split())

    assert run(tmp_path, counter=words).tokens_before == len(WHOLE.split())
    assert run(tmp_path, counter=words).tokenizer == "words"


@pytest.mark.parametrize("whole", [False, True])
def test_tokens_that_compression_spent_are_in_the_row_and_their_cost_is_not_made_up(
    database: Database, tmp_path: Path, whole: bool
) -> None:
    def act(task: Task) -> Draft:
        kept = [
            CompressedPassage.whole(p) if whole else CompressedPassage.of(p, [Span(0, 3)])
            for p in task.passages
        ]
        return Draft(kept, overhead_tokens=70)

    result = run(tmp_path, fakes.Scripted(act), database=database)
    row = fakes.only_row(database)
    assert result.outcome == ("bypassed" if whole else "compressed")
    assert result.overhead_tokens == row.overhead_tokens == result.to_dict()["overhead_tokens"] == 70
    assert row.overhead_cost is None
    assert row.net_cost_saved is None
