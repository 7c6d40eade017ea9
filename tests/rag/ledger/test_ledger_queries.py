"""The ledger's rows: opened, closed once, and never with figures that contradict each other."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.metadata import version
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text
from tersus.errors import InvalidInput
from tersus.rag.ledger import NewQuery, QueryRepository
from tersus.rag.ledger.engine import Database
from tersus.rag.ledger.errors import DatabaseError, QueryFinished, UnknownQuery
from tersus.rag.ledger.tables import KINDS, Query

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def start(database: Database, **values: Any) -> str:
    with database.session(write=True) as session:
        return QueryRepository(session).start(NewQuery(**{"kind": "query", "question": "Who?", **values}))


def finish(database: Database, query_id: str, **values: Any) -> Query:
    with database.session(write=True) as session:
        QueryRepository(session).finish(query_id, **values)
    with database.session() as session:
        query = QueryRepository(session).get(query_id)
    assert query is not None
    return query


def test_a_started_row_knows_only_what_is_known(database: Database) -> None:
    query_id = start(
        database, collection="a", compressor="exit", budget="ratio=0.25", input_price=Decimal("0.15")
    )
    with database.session() as session:
        query = QueryRepository(session).get(query_id)
    assert query is not None
    known = {
        name: value for name, value in vars(query).items() if value is not None and not name.startswith("_")
    }
    assert datetime.now(UTC) - known.pop("created_at") < timedelta(minutes=5)
    assert known == {
        "id": query_id, "kind": "query", "question": "Who?", "collection": "a", "compressor": "exit",
        "budget": "ratio=0.25", "input_price": Decimal("0.15"), "outcome": "started",
        "version": version("tersus"),
    }  # fmt: skip
    assert len(query_id) == 32


def test_a_finished_row_comes_back_exactly(database: Database) -> None:
    passages = [
        {
            "id": "c1",
            "document": "d",
            "offset": 7,
            "title": "t",
            "kept": [{"start": 0, "end": 3, "score": 0.5}],
        },
        {"id": "c2", "document": "d", "offset": 9, "title": "t", "kept": None},
    ]
    given: dict[str, Any] = {
        "answer": "Herbert \ud83d", "top_k": 5, "passages_retrieved": 2, "passages_kept": 1,
        "passages": passages,
        "tokens_before": 3_000_000_000, "tokens_after": np.int64(1_000_000_000), "tokenizer": "cl100k",
        "prompt_tokens": 80, "provider_prompt_tokens": 81, "provider_cached_tokens": 0,
        "provider_completion_tokens": 9, "model": "gpt-x", "price_model": "gpt-x",
        "price_date": date(2026, 4, 1),
        "input_price": Decimal("0.15"), "cached_price": Decimal("0.075"), "output_price": Decimal("0.6"),
        "cost_saved": Decimal("300"), "overhead_tokens": 12, "overhead_cost": Decimal("0.000000001"),
        "retrieve_seconds": 0.125, "compress_seconds": np.float32(0.5), "llm_seconds": 1,
        "total_seconds": 1.75,
        "net_seconds_saved": -0.25, "reason": "done", "error_code": None, "finished_at": NOON,
    }  # fmt: skip
    query = finish(database, start(database), outcome="compressed", **given)
    expected = {
        **given, "answer": "Herbert \ufffd", "outcome": "compressed",
        "tokens_saved": 2_000_000_000, "net_cost_saved": Decimal("299.999999999"),
    }  # fmt: skip
    assert {name: getattr(query, name) for name in expected} == expected


def test_a_row_is_finished_once(database: Database) -> None:
    query_id = start(database)
    query = finish(database, query_id, outcome="failed", error_code="llm_unreachable", reason="refused")
    assert (query.outcome, query.error_code, query.tokens_saved) == ("failed", "llm_unreachable", None)
    with pytest.raises(QueryFinished):
        finish(database, query_id, outcome="compressed")
    with pytest.raises(UnknownQuery):
        finish(database, "0" * 32, outcome="compressed")
    with database.session() as session:
        found = QueryRepository(session).get(query_id)
        assert found is not None
        assert found.outcome == "failed"


@pytest.mark.parametrize(
    "values",
    [
        {"outcome": "started"}, {"outcome": "won"}, {"outcome": "failed", "id": "x"},
        {"outcome": "failed", "no_such_column": 1}, {"outcome": "failed", "kind": "demo"},
        {"outcome": "compressed", "compress_seconds": float("nan")},
        {"outcome": "compressed", "net_seconds_saved": float("-inf")},
        {"outcome": "compressed", "tokens_before": "12"}, {"outcome": "compressed", "tokens_before": 1.5},
        {"outcome": "compressed", "total_seconds": "soon"},
        {"outcome": "compressed", "cost_saved": Decimal("NaN")}, {"outcome": "compressed", "cost_saved": 0.1},
        {"outcome": "compressed", "passages": [{"score": float("nan")}]},
        {"outcome": "compressed", "tokens_before": 10, "tokens_after": 4, "tokens_saved": 7},
        {"outcome": "failed", "cost_saved": Decimal(2), "overhead_cost": Decimal(1), "net_cost_saved": 2},
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_refused_and_the_row_stays_open(
    database: Database, values: dict[str, Any]
) -> None:
    query_id = start(database)
    with pytest.raises(InvalidInput):
        finish(database, query_id, **values)
    with database.session() as session:
        query = QueryRepository(session).get(query_id)
        assert query is not None
        assert query.outcome == "started"


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("tokens_before", {"tokens_before": -1}), ("prompt_tokens", {"prompt_tokens": -1}),
        ("total_seconds", {"total_seconds": -0.1}), ("overhead_cost", {"overhead_cost": Decimal(-1)}),
        ("untouched", {"outcome": "bypassed", "tokens_before": 10, "tokens_after": 9}),
        ("untouched", {"outcome": "fell_back", "cost_saved": Decimal("0.1")}),
    ],
)  # fmt: skip
def test_the_database_itself_refuses_what_is_never_true(
    database: Database, constraint: str, values: dict[str, Any]
) -> None:
    with pytest.raises(DatabaseError, match=f"ck_queries_{constraint}"):
        finish(database, start(database), **{"outcome": "compressed", **values})


@pytest.mark.parametrize(
    ("constraint", "assignment"),
    [
        ("kind", "kind = 'other'"), ("outcome", "outcome = 'won', finished_at = created_at"),
        ("finished", "outcome = 'failed'"), ("finished", "finished_at = created_at"),
        ("tokens_saved", "tokens_before = 10, tokens_after = 4, tokens_saved = 7"),
        ("net_cost_saved", "cost_saved = 10, overhead_cost = 4, net_cost_saved = 7"),
    ],
)  # fmt: skip
def test_the_constraints_hold_for_plain_sql_too(database: Database, constraint: str, assignment: str) -> None:
    start(database)
    with (
        pytest.raises(DatabaseError, match=f"ck_queries_{constraint}"),
        database.session(write=True) as session,
    ):
        session.execute(text(f"UPDATE queries SET {assignment}"))  # noqa: S608


def test_an_unknown_kind_and_a_bad_price_are_refused_at_the_start(database: Database) -> None:
    with pytest.raises(InvalidInput, match="other"):
        start(database, kind="other")
    with pytest.raises(InvalidInput, match="Decimal"):
        start(database, input_price=0.15)
    with pytest.raises(InvalidInput, match="time zone"):
        start(database, created_at=datetime(2026, 1, 1))


def test_net_cost_is_the_difference_of_what_is_stored(database: Database) -> None:
    # Each rounds up by half a nano-dollar; the unrounded difference would be 0.000000001 off.
    query = finish(
        database, start(database), outcome="compressed",
        cost_saved=Decimal("0.0000000035"), overhead_cost=Decimal("0.0000000014"),
        net_cost_saved=Decimal("0.0000000021"),
    )  # fmt: skip
    assert (query.cost_saved, query.overhead_cost) == (Decimal("0.000000004"), Decimal("0.000000001"))
    assert query.net_cost_saved == Decimal("0.000000003")


def test_rows_are_listed_newest_first_and_filtered(database: Database) -> None:
    ids = [
        start(database, created_at=NOON + timedelta(hours=number), kind=KINDS[number],
              collection="ab"[number % 2],
              compressor="xy"[number // 3], model="m" if number else None)
        for number in range(5)
    ]  # fmt: skip
    finish(database, ids[1], outcome="bypassed")
    with database.session() as session:
        repository = QueryRepository(session)

        def listed(**filters: Any) -> list[int]:
            return [ids.index(query.id) for query in repository.list(**filters)]

        assert listed() == [4, 3, 2, 1, 0]
        assert listed(limit=2, offset=1) == [3, 2]
        assert listed(kinds=["query", "demo"]) == [4, 0]
        assert listed(outcomes=["bypassed"]) == [1]
        assert listed(collection="b") == [3, 1]
        assert listed(compressor="y", model="m") == [4, 3]
        assert listed(since=NOON + timedelta(hours=1), until=NOON + timedelta(hours=3)) == [2, 1]
