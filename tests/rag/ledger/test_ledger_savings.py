"""Savings against an independent account in plain Python, on both databases."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from tersus.errors import InvalidInput
from tersus.rag.ledger import NewQuery, QueryRepository
from tersus.rag.ledger.engine import Database
from tersus.rag.ledger.savings import By, SavingsRow, savings

INDIA = timezone(timedelta(hours=5, minutes=30))
START = datetime(2026, 2, 27, tzinfo=UTC)


def record(database: Database, start: dict[str, Any], end: dict[str, Any] | None) -> None:
    with database.session(write=True) as session:
        query_id = QueryRepository(session).start(NewQuery(**{"kind": "query", "question": "q", **start}))
        if end is not None:
            QueryRepository(session).finish(query_id, **end)


def traffic() -> list[tuple[dict[str, Any], dict[str, Any] | None]]:
    """Rows of every sort: each kind and outcome, with and without counts, prices and overhead."""
    source = random.Random(11)
    rows: list[tuple[dict[str, Any], dict[str, Any] | None]] = []
    for _ in range(120):
        start: dict[str, Any] = {
            "kind": source.choice(["query", "query", "query", "compress", "shadow", "evaluation"]),
            "created_at": (START + timedelta(minutes=source.randrange(4 * 24 * 60))).astimezone(
                source.choice([UTC, INDIA])
            ),
            "collection": source.choice(["a", "b", None]),
            "compressor": source.choice(["exit", "gemfilter"]),
            "model": source.choice(["big", None]),
        }
        outcome = source.choice(["compressed", "compressed", "bypassed", "fell_back", "failed", "started"])
        if outcome == "started":
            rows.append((start, None))
            continue
        before = source.randrange(1, 5000)
        after = source.randrange(before) if outcome in ("compressed", "failed") else before
        end: dict[str, Any] = {"outcome": outcome, "compress_seconds": source.randrange(64) / 64}
        if source.random() < 0.9:
            end |= {"tokens_before": before, "tokens_after": after}
            if source.random() < 0.8:
                end["cost_saved"] = (before - after) * Decimal("0.15") / 1_000_000
        if source.random() < 0.3:
            end["overhead_tokens"] = 100
            if source.random() < 0.7:
                end["overhead_cost"] = Decimal("0.000060001")
        rows.append((start, end))
    return rows


def account(rows: list[tuple[dict[str, Any], dict[str, Any] | None]]) -> dict[str, Any]:
    """The same figures, row by row, with fractions."""
    figures: dict[str, Any] = defaultdict(Fraction)
    for _, end in rows:
        figures["queries"] += 1
        if end is None:
            figures["unfinished"] += 1
            continue
        figures[end["outcome"]] += 1
        figures["overhead_cost"] += Fraction(end.get("overhead_cost", 0))
        figures["compress_seconds"] += Fraction(end["compress_seconds"])
        if end["outcome"] == "failed":
            continue
        if "tokens_before" in end:
            figures["tokens_before"] += end["tokens_before"]
            figures["tokens_after"] += end["tokens_after"]
            figures["tokens_saved"] += end["tokens_before"] - end["tokens_after"]
        else:
            figures["unmeasured"] += 1
        if "cost_saved" not in end or ("overhead_tokens" in end and "overhead_cost" not in end):
            figures["unpriced"] += 1
        else:
            figures["cost_saved"] += Fraction(end["cost_saved"])
    return figures


def assert_agrees(row: SavingsRow, rows: list[tuple[dict[str, Any], dict[str, Any] | None]]) -> None:
    expected = account(rows)
    for name in (
        "queries", "compressed", "bypassed", "fell_back", "failed", "unfinished", "unmeasured", "unpriced",
        "tokens_before", "tokens_after", "tokens_saved", "cost_saved", "overhead_cost", "compress_seconds",
    ):  # fmt: skip
        assert (name, Fraction(getattr(row, name))) == (name, expected[name])
    assert Fraction(row.net_cost_saved) == expected["cost_saved"] - expected["overhead_cost"]
    before = expected["tokens_before"]
    assert row.kept == (float(expected["tokens_after"] / before) if before else None)
    assert isinstance(row.cost_saved, Decimal)


GROUPS: list[tuple[By, Callable[[dict[str, Any]], str | None]]] = [
    ("day", lambda start: start["created_at"].astimezone(UTC).strftime("%Y-%m-%d")),
    ("collection", lambda start: start["collection"]),
    ("compressor", lambda start: start["compressor"]),
    ("model", lambda start: start["model"]),
]


@pytest.fixture
def rows(database: Database) -> list[tuple[dict[str, Any], dict[str, Any] | None]]:
    rows = traffic()
    for start, end in rows:
        record(database, start, end)
    return rows


def test_every_grouping_agrees_with_an_account_by_hand(
    database: Database, rows: list[tuple[dict[str, Any], dict[str, Any] | None]]
) -> None:
    own = [row for row in rows if row[0]["kind"] in ("query", "compress")]
    with database.session() as session:
        report = savings(session)
        assert report.rows == ()
        assert_agrees(report.total, own)
        for by, key in GROUPS:
            report = savings(session, by)
            groups = {key(start) for start, _ in own}
            assert [row.key for row in report.rows] == sorted(
                groups, key=lambda name: (name is None, name or "")
            )
            for row in report.rows:
                assert_agrees(row, [each for each in own if key(each[0]) == row.key])
            assert_agrees(report.total, own)
    assert len({GROUPS[0][1](start) for start, _ in own}) == 4


def test_filters_agree_with_an_account_by_hand(
    database: Database, rows: list[tuple[dict[str, Any], dict[str, Any] | None]]
) -> None:
    since = datetime(2026, 2, 28, 5, 30, tzinfo=INDIA)  # midnight in UTC
    until = START + timedelta(days=2)
    with database.session() as session:
        report = savings(session, "day", since=since, until=until, kinds=["shadow", "query"], collection="a")
    expected = [
        row for row in rows
        if row[0]["kind"] in ("shadow", "query") and row[0]["collection"] == "a"
        and since <= row[0]["created_at"] < until
    ]  # fmt: skip
    assert [row.key for row in report.rows] == ["2026-02-28"]
    assert_agrees(report.total, expected)
    assert report.total.queries > 3


def test_limits_include_the_first_moment_and_not_the_last(database: Database) -> None:
    for hour in (0, 1, 2):
        record(database, {"created_at": START + timedelta(hours=hour)}, None)
    with database.session() as session:
        assert savings(session, since=START, until=START + timedelta(hours=2)).total.unfinished == 2


def test_failed_and_unfinished_queries_save_nothing_but_cost_what_they_cost(database: Database) -> None:
    price = {
        "tokens_before": 1000,
        "tokens_after": 100,
        "cost_saved": Decimal("0.9"),
        "overhead_cost": Decimal("0.1"),
    }
    record(database, {}, {"outcome": "failed", **price})
    record(database, {}, None)
    with database.session() as session:
        total = savings(session).total
    assert (total.queries, total.failed, total.unfinished, total.unpriced) == (2, 1, 1, 0)
    assert (total.tokens_before, total.tokens_saved, total.kept) == (0, 0, None)
    assert (total.cost_saved, total.net_cost_saved) == (Decimal(0), Decimal("-0.1"))


def test_sums_of_money_are_exact_where_floats_are_not(database: Database) -> None:
    for _ in range(10):
        record(
            database, {}, {"outcome": "compressed", "cost_saved": Decimal("0.1"), "overhead_cost": Decimal(0)}
        )
    record(database, {}, {"outcome": "compressed", "cost_saved": Decimal("0.000000001")})
    with database.session() as session:
        assert savings(session).total.cost_saved == Decimal("1.000000001")


def test_an_empty_ledger_saved_nothing(database: Database) -> None:
    with database.session() as session:
        for report in (savings(session), savings(session, "day"), savings(session, "model")):
            assert report.rows == ()
            assert_agrees(report.total, [])


def test_unknown_groupings_kinds_and_naive_times_are_refused(database: Database) -> None:
    with database.session() as session:
        with pytest.raises(InvalidInput, match="month"):
            savings(session, "month")  # type: ignore[arg-type]
        with pytest.raises(InvalidInput, match="test"):
            savings(session, kinds=["query", "test"])
    with pytest.raises(InvalidInput, match="time zone"), database.session() as session:
        savings(session, since=datetime(2026, 1, 1))
