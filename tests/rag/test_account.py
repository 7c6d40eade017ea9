"""The row of a query: written before the model is called, kept if the process dies, closed in any case."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import event
from tersus.compressors import CompressedPassage, Draft, Span, Task
from tersus.rag.account import Account, price_of
from tersus.rag.ledger import Database, QueryWrites, schema
from tersus.rag.ledger.errors import DatabaseError, DatabaseReadOnly, DiskFull
from tersus.rag.ledger.savings import savings
from tersus.rag.llm import LLMFailed
from tersus.rag.prices import Price

from tests.rag import fakes
from tests.rag.fakes import COUNTER, FirstSentence, ScriptedLLM

QUESTION = "When do spring tides come?"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger" / "tersus.db"


@pytest.fixture
def sqlite(path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{path}")
    schema.upgrade(database)
    fakes.fill(database)
    yield database
    database.close()


def ask_in_vain(database: Database, home: Path, error: type[DatabaseError]) -> None:
    llm = ScriptedLLM()
    with pytest.raises(error) as caught:
        fakes.pipeline(database, home, llm).query(QUESTION, "corpus", compressor=FirstSentence())
    assert caught.value.hint
    assert llm.asked == []


def test_a_database_that_may_only_be_read_keeps_the_model_from_being_asked(
    sqlite: Database, path: Path, tmp_path: Path
) -> None:
    sqlite.close()
    readonly = Database(f"sqlite:///file:{path}?mode=ro&uri=true")
    ask_in_vain(readonly, tmp_path, DatabaseReadOnly)
    readonly.close()
    assert fakes.rows(sqlite) == []


def limit_pages(database: Database, path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.close()
    database.close()
    event.listen(
        database.engine, "connect", lambda opened, _: opened.execute(f"PRAGMA max_page_count={pages}")
    )


def test_a_full_database_keeps_the_model_from_being_asked(
    sqlite: Database, path: Path, tmp_path: Path
) -> None:
    limit_pages(sqlite, path)
    pipe = fakes.pipeline(sqlite, tmp_path, llm := ScriptedLLM(window=1_000_000))
    with pytest.raises(DiskFull, match="free some space"):
        pipe.query("tide " * 20_000, "corpus", compressor=FirstSentence())
    assert llm.asked == []
    assert fakes.rows(sqlite) == []


def test_an_answer_that_cannot_be_recorded_is_not_given(sqlite: Database, path: Path, tmp_path: Path) -> None:
    limit_pages(sqlite, path)
    pipe = fakes.pipeline(sqlite, tmp_path, llm := ScriptedLLM(answer="long " * 100_000))
    with pytest.raises(DiskFull):
        pipe.query(QUESTION, "corpus", compressor=FirstSentence())
    row = fakes.only_row(sqlite)
    assert len(llm.asked) == 1
    assert (row.outcome, row.error_code, row.answer) == ("failed", "disk_full", None)


def test_a_process_that_dies_while_the_model_answers_leaves_its_row(
    sqlite: Database, path: Path, tmp_path: Path
) -> None:
    program = """
        import os, signal, sys
        from pathlib import Path
        sys.path.insert(0, sys.argv[1])
        from tests.rag import fakes
        from tersus.rag.ledger import Database
        llm = fakes.ScriptedLLM(before=lambda: os.kill(os.getpid(), signal.SIGKILL))
        pipe = fakes.pipeline(Database(f"sqlite:///{sys.argv[2]}"), Path(sys.argv[3]), llm)
        pipe.query("When do spring tides come?", "corpus", compressor=fakes.FirstSentence())
    """
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", textwrap.dedent(program), str(root), str(path), str(tmp_path)]
    died = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr
    row = fakes.only_row(sqlite)
    assert (row.outcome, row.question, row.model) == ("started", QUESTION, "gpt-4o-mini")
    assert (row.finished_at, row.answer, row.tokens_saved, row.cost_saved) == (None, None, None, None)
    with sqlite.session() as session:
        total = savings(session).total
    assert (total.queries, total.unfinished, total.tokens_saved) == (1, 1, 0)


def numbers(start: Any, end: Any, score: Any) -> fakes.Scripted:
    """A compressor that keeps one span of each passage, with numbers of any type."""

    def act(task: Task) -> Draft:
        return Draft([CompressedPassage.of(p, [Span(start, end, score)]) for p in task.passages])

    return fakes.Scripted(act)


def test_a_compressors_numpy_numbers_are_stored_as_plain_ones(database: Database, tmp_path: Path) -> None:
    fakes.fill(database)
    compressor = numbers(np.int64(0), np.int64(9), np.float32(0.25))
    fakes.pipeline(database, tmp_path, ScriptedLLM()).query(QUESTION, "corpus", compressor=compressor)
    row = fakes.only_row(database)
    assert row.outcome == "compressed"
    assert row.passages is not None
    assert [p["kept"] for p in row.passages] == [[{"start": 0, "end": 9, "score": 0.25}]] * 4


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_costs_the_query_nothing(
    database: Database, tmp_path: Path, score: float
) -> None:
    fakes.fill(database)
    pipe = fakes.pipeline(database, tmp_path, ScriptedLLM())
    assert pipe.query(QUESTION, "corpus", compressor=numbers(0, 9, score)).answer == "The moon."
    row = fakes.only_row(database)
    assert (row.outcome, row.error_code) == ("fell_back", "compressor_contract")


def test_a_rewritten_passage_is_stored_without_spans(database: Database, tmp_path: Path) -> None:
    fakes.fill(database)
    pipe = fakes.pipeline(database, tmp_path, ScriptedLLM())
    result = pipe.query(QUESTION, "corpus", compressor=fakes.rewriting("Full moon."))
    row = fakes.only_row(database)
    assert row.passages is not None
    assert [p["kept"] for p in row.passages] == [None, [], [], []]
    assert (row.passages_retrieved, row.passages_kept) == (4, 1)
    assert (
        row.tokens_after == result.tokens_after == COUNTER(f"{result.passages[0].source.title}\nFull moon.")
    )


def test_the_error_that_failed_a_query_stays_the_one_that_is_raised(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fakes.fill(database)

    def refuse(*_: Any, **__: Any) -> None:
        raise DiskFull("no space left")

    monkeypatch.setattr(QueryWrites, "finish", refuse)
    with pytest.raises(LLMFailed, match="boom"):
        fakes.pipeline(database, tmp_path, ScriptedLLM(error=RuntimeError("boom"))).query(
            QUESTION, "corpus", compress=False
        )
    assert fakes.only_row(database).outcome == "started"
    assert "could not be closed" in caplog.text


def test_an_account_is_priced_by_the_settings_price_model_and_prices(
    database: Database, tmp_path: Path
) -> None:
    own = {"mine": Price(input=Decimal("0.3"), as_of=date(2026, 1, 2))}
    settings = fakes.settings(tmp_path, price_model="mine", prices=own)
    assert price_of(settings, "gpt-4o") == ("mine", own["mine"])
    account = Account.open(database, settings, "gpt-4o", COUNTER, kind="query", question="q")
    row = fakes.only_row(database)
    assert (row.id, row.outcome, row.model, row.price_model) == (account.id, "started", "gpt-4o", "mine")
    assert (row.input_price, row.cached_price, row.output_price) == (Decimal("0.3"), None, Decimal(0))
    assert (row.price_date, row.tokenizer) == (date(2026, 1, 2), "cl100k")
    account.fail(KeyboardInterrupt())
    row = fakes.only_row(database)
    assert (row.outcome, row.reason, row.error_code) == ("failed", "KeyboardInterrupt", "error")
