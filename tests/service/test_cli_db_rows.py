"""Pruning and exporting the ledger, and what the shadow checks say."""

from __future__ import annotations

import csv
import io
import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tersus.rag.ledger import Database, NewQuery, QueryRepository, schema
from tersus.rag.ledger.export import exported
from tersus.rag.ledger.retention import prune
from tersus.rag.ledger.savings import savings
from tersus.rag.shadow import Agreement, ShadowKey, ShadowRepository

NOW = datetime.now(UTC)


def fill(database: Database, ages: dict[int, bool]) -> list[str]:
    """A row for each age in days; not finished where False."""
    made = []
    for age, finished in ages.items():
        with database.session(write=True) as session:
            record = NewQuery(
                kind="query", question=f"=Question {age}?", collection="docs",
                created_at=NOW - timedelta(days=age),
            )  # fmt: skip
            made.append(QueryRepository(session).start(record))
        if finished:
            with database.session(write=True) as session:
                QueryRepository(session).finish(
                    record.id, outcome="compressed", answer="Yes.", tokens_before=100, tokens_after=40,
                    passages=[{"text": "secret"}],
                )  # fmt: skip
    return made


@pytest.fixture
def home(tmp_path: Path) -> Database:
    """The database of the home that the command line uses."""
    (tmp_path / "home").mkdir()
    database = Database(f"sqlite:///{tmp_path / 'home' / 'tersus.db'}")
    schema.upgrade(database)
    return database


def test_texts_go_and_sums_stay(cli: Any, home: Database) -> None:
    ids = fill(home, {100: True, 95: False, 10: True})
    arguments = ("db", "prune", "--older-than", "90d", "--json")
    assert json.loads(cli(*arguments, "--dry-run").stdout)["queries"] == 1
    assert cli(*arguments).exit_code == 2  # nobody can be asked
    assert json.loads(cli(*arguments, "--yes").stdout)["queries"] == 1
    assert json.loads(cli(*arguments, "--yes").stdout)["queries"] == 0
    with home.session() as session:
        old, open_, new = (QueryRepository(session).get(one) for one in ids)
        assert old is not None
        assert open_ is not None
        assert new is not None
        assert (old.question, old.answer, old.passages, old.tokens_saved) == ("", None, None, 60)
        assert (open_.question, new.answer) == ("=Question 95?", "Yes.")
        assert savings(session).total.tokens_saved == 120
    assert "secret" not in str(old.passages)


def test_rows_go_where_that_is_asked_for(cli: Any, home: Database) -> None:
    fill(home, {100: True, 95: False, 10: True})
    assert cli("db", "prune", "--older-than", "90d", "--rows", "--yes").exit_code == 0
    assert [row.question for row in exported(home)] == ["=Question 95?", "=Question 10?"]
    assert cli("db", "prune", "--older-than", "1h", "--yes").exit_code == 1


def test_many_rows_are_pruned_and_exported_in_batches(home: Database) -> None:
    with home.session(write=True) as session:
        repository = QueryRepository(session)
        for _ in range(1201):  # several at the very same moment, over two pages
            record = NewQuery(kind="query", question="q", created_at=NOW - timedelta(days=50))
            repository.finish(repository.start(record), outcome="failed")
    assert len({row.id for row in exported(home)}) == 1201
    told: list[int] = []
    assert prune(home, NOW - timedelta(days=40), on_progress=told.append).queries == 1201
    assert told == [500, 1000, 1201]


def test_an_export_is_whole_and_safe_for_spreadsheets(cli: Any, home: Database, tmp_path: Path) -> None:
    fill(home, {40: True, 10: True})
    lines = [json.loads(line) for line in cli("db", "export").stdout.splitlines()]
    assert [line["question"] for line in lines] == ["=Question 40?", "=Question 10?"]
    assert lines[0]["passages"] == [{"text": "secret"}]
    table = cli("db", "export", "--format", "csv", "--since", "30d").stdout
    (row,) = csv.DictReader(io.StringIO(table))
    assert row["question"] == "'=Question 10?"
    assert "passages" not in row
    file = tmp_path / "out.jsonl"
    assert cli("db", "export", "-o", file).exit_code == 0
    assert len(file.read_text().splitlines()) == 2
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == ["out.jsonl"]
    missing = cli("db", "export", "-o", tmp_path / "no" / "out.jsonl")
    assert missing.exit_code == 1
    assert "cannot be written" in missing.stderr


def test_shadow_shows_where_compression_backed_off(cli: Any, home: Database) -> None:
    assert "No answers were compared" in cli("shadow").stdout
    key = ShadowKey("docs", "exit", "ratio=0.25")
    with home.session(write=True) as session:
        repository = ShadowRepository(session)
        for _ in range(30):
            repository.add(uuid.uuid4().hex, key, 0, Agreement(0.1, 0.5), 10)
        repository.decide(key, 4, least=30, limit=0.7, confidence=0.95)
        for _ in range(5):
            repository.add(uuid.uuid4().hex, key, 1, Agreement(0.8, 1.0), 10)
    text = cli("shadow").stdout
    assert "backed off 1 step" in text
    assert "agreement with the full context is 0.30 over 30 checks" in text
    (found,) = json.loads(cli("shadow", "--json", "-c", "docs").stdout)["standings"]
    assert (found["step"], found["checks"], round(found["agreement"], 6)) == (1, 5, 0.9)
    assert json.loads(cli("shadow", "--json", "-c", "else").stdout)["standings"] == []
