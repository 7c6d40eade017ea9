"""``tersus savings``, ``log`` and ``show``: figures against sums made by hand."""

from __future__ import annotations

import csv
import io
import itertools
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tersus.rag.ledger import Database, NewQuery, QueryRepository, schema
from tersus.rag.moments import MomentUnclear, moment

NOW = datetime.now(UTC)
LAST_MONTH = NOW - timedelta(days=30)
LATER = itertools.count()  # rows that name no moment lie microseconds after NOW: midnight may pass meanwhile


def add(database: Database, *, outcome: str | None, **about: Any) -> str:
    """Write one row; ``outcome`` None leaves it unfinished."""
    values = {
        name: about.pop(name)
        for name in ("tokens_before", "tokens_after", "cost_saved", "overhead_cost", "reason", "passages")
        if name in about
    }
    about.setdefault("created_at", NOW + timedelta(microseconds=next(LATER)))
    record = NewQuery(**{"kind": "query", "question": "Why?", "collection": "docs", "model": "big", **about})
    with database.session(write=True) as session:
        QueryRepository(session).start(record)
    if outcome:
        with database.session(write=True) as session:
            QueryRepository(session).finish(record.id, outcome=outcome, **values)  # type: ignore[arg-type]
    return record.id


@pytest.fixture
def ledger(tmp_path: Path) -> Database:
    """Seven rows: six of users' own traffic, one of a demo."""
    database = Database(f"sqlite:///{tmp_path}/home/tersus.db")
    schema.upgrade(database)
    tokens = {"tokens_before": 1000, "tokens_after": 250}
    money = {"cost_saved": Decimal("0.0003"), "overhead_cost": Decimal(0)}
    add(database, outcome="compressed", **tokens, **money, compressor="similarity")
    add(database, outcome="compressed", **tokens, created_at=LAST_MONTH, model="unpriced")
    add(database, outcome="failed", reason="no [red]answer[/]\nat all")
    add(database, outcome=None)
    add(
        database, outcome="bypassed", tokens_before=80, tokens_after=80, cost_saved=Decimal(0),
        overhead_cost=Decimal(0), kind="compress", collection=None,
    )  # fmt: skip
    add(
        database, outcome="compressed", tokens_before=500, tokens_after=100, cost_saved=Decimal("0.002"),
        overhead_cost=Decimal("0.0005"), model="small",
        passages=[{"id": "1", "document": "d.md", "offset": 0, "title": "T",
                   "kept": [{"start": 2, "end": 12, "score": 0.5}]}],
    )  # fmt: skip
    add(database, outcome="compressed", tokens_before=9000, tokens_after=1, kind="demo")
    return database


def test_json_sums_users_own_traffic_by_day(cli: Any, ledger: Database) -> None:
    found = json.loads(cli("savings", "--json").stdout)
    assert (found["by"], found["kinds"]) == ("day", ["query", "compress"])
    assert (found["since"], found["until"]) == (None, None)
    assert [row["key"] for row in found["rows"]] == [f"{LAST_MONTH:%Y-%m-%d}", f"{NOW:%Y-%m-%d}"]
    total = found["total"]
    assert (total["queries"], total["failed"], total["unfinished"], total["unpriced"]) == (6, 1, 1, 1)
    assert (total["tokens_before"], total["tokens_after"], total["tokens_saved"]) == (2580, 680, 1900)
    assert total["kept"] == pytest.approx(680 / 2580)
    assert Decimal(total["cost_saved"]) == Decimal("0.0023")
    assert Decimal(total["net_cost_saved"]) == Decimal("0.0018")


@pytest.mark.parametrize(
    ("options", "queries"),
    [
        (["--since", "7d"], 5),
        (["--since", "24h"], 5),
        (["--until", "7d"], 1),
        (["--since", f"{LAST_MONTH:%Y-%m-%d}"], 6),
        (["--since", "2w", "--until", "1w"], 0),
        (["--kind", "demo"], 1),
        (["--kind", "demo", "--kind", "compress"], 2),
        (["--all-kinds"], 7),
        (["--collection", "docs"], 5),
    ],
)
def test_rows_are_chosen_by_time_kind_and_collection(
    cli: Any, ledger: Database, options: list[str], queries: int
) -> None:
    assert json.loads(cli("savings", "--json", *options).stdout)["total"]["queries"] == queries


def test_csv_has_the_rows_of_json(cli: Any, ledger: Database) -> None:
    as_json = json.loads(cli("savings", "--by", "model", "--json").stdout)["rows"]
    as_csv = list(csv.DictReader(io.StringIO(cli("savings", "--by", "model", "--csv").stdout)))
    assert [row["key"] for row in as_json] == ["big", "small", "unpriced"]
    for one, other in zip(as_json, as_csv, strict=True):
        assert {name: "" if value is None else str(value) for name, value in one.items()} == other


def test_people_get_totals_and_are_told_what_the_figures_leave_out(cli: Any, ledger: Database) -> None:
    result = cli("savings", "--by", "collection")
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["Total", "6", "2,580", "680", "26%", "1,900", "$0.0023", "$0.0005", "$0.0018"] in lines
    assert ["docs", "5", "2,500", "600", "24%", "1,900", "$0.0023", "$0.0005", "$0.0018"] in lines
    assert "1 of 6 without a known price" in result.stdout
    assert "1 of 6 failed" in result.stdout
    assert "1 of 6 unfinished" in result.stdout
    assert "1 of 6 sent in full" in result.stdout


def test_a_narrow_terminal_cuts_no_figure(
    cli: Any, ledger: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    for command in (["savings"], ["log"]):
        shown = cli(*command).stdout
        assert "\u2026" not in shown
    assert "2,580" in cli("savings").stdout


def test_an_empty_ledger_is_said_and_is_valid_json(cli: Any) -> None:
    assert "No queries" in cli("savings").stdout
    found = json.loads(cli("savings", "--json").stdout)
    assert (found["rows"], found["total"]["queries"], found["total"]["kept"]) == ([], 0, None)
    assert json.loads(cli("log", "--json").stdout) == {"queries": []}
    assert "no such rows" in cli("log").stdout


@pytest.mark.parametrize(
    "options",
    [
        ["--since", "yesterday"],
        ["--until", "2026-13-01"],
        ["--json", "--csv"],
        ["--kind", "demo", "--all-kinds"],
    ],
)
def test_what_savings_cannot_understand_is_a_usage_error(cli: Any, options: list[str]) -> None:
    result = cli("savings", *options)
    assert (result.exit_code, result.stdout) == (2, "")


def test_log_lists_rows_newest_first(cli: Any, ledger: Database) -> None:
    found = json.loads(cli("log", "--json", "--limit", "3").stdout)["queries"]
    assert [(row["kind"], row["outcome"]) for row in found] == [
        ("demo", "compressed"),
        ("query", "compressed"),
        ("compress", "bypassed"),
    ]
    shown = cli("log").stdout
    assert "500 \u2192 100" in shown
    assert shown.count("Why?") == 7
    assert len(json.loads(cli("log", "--kind", "compress", "--json").stdout)["queries"]) == 1


def test_show_finds_a_row_by_the_beginning_of_its_id(cli: Any, ledger: Database) -> None:
    listed = json.loads(cli("log", "--json").stdout)["queries"]
    failed = next(row for row in listed if row["outcome"] == "failed")
    assert json.loads(cli("show", failed["id"][:10], "--json").stdout) == failed
    shown = cli("show", failed["id"].upper()).stdout
    assert "failed: no [red]answer[/]" in shown
    kept = next(row for row in listed if row["passages"])
    assert "1 span, 10 characters kept" in cli("show", kept["id"]).stdout


def test_show_refuses_what_names_no_row_or_several(cli: Any, ledger: Database) -> None:
    add(ledger, outcome=None, id="abcd" + "0" * 28)
    add(ledger, outcome=None, id="abcd" + "1" * 28)
    several = cli("show", "abcd", "--json")
    assert "several rows" in json.loads(several.stderr)["error"]["message"]
    unknown = cli("show", "f" * 32, "--json")
    assert json.loads(unknown.stderr)["error"]["code"] == "unknown_query"
    assert cli("show", "%%%%").exit_code == 1


AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T08:30", datetime(2026, 11, 1, 8, 30, tzinfo=UTC)),
        ("2026-11-01T08:30+02:00", datetime(2026, 11, 1, 6, 30, tzinfo=UTC)),
        ("90m", datetime(2026, 11, 23, 10, 30, tzinfo=UTC)),
        ("24h", datetime(2026, 11, 22, 12, 0, tzinfo=UTC)),
        ("7D", datetime(2026, 11, 16, 12, 0, tzinfo=UTC)),
        ("2w", datetime(2026, 11, 9, 12, 0, tzinfo=UTC)),
        (None, None),
    ],
)
def test_moments_are_days_times_or_how_long_ago(text: str | None, meant: datetime | None) -> None:
    assert moment(text, "--since", AT) == meant


@pytest.mark.parametrize("text", ["", "7", "7y", "now", "999999w", "-1d", "0001-01-01T00:00+23:00"])
def test_other_moments_are_refused_by_the_name_of_the_option(text: str) -> None:
    with pytest.raises(MomentUnclear, match="--since"):
        moment(text, "--since", AT)


def test_the_json_shows_the_latest_rows_beside_the_sums(cli: Any, filled: Path) -> None:
    asked = json.loads(cli("query", "What is kept?", "-c", "docs", "--context-only", "--json").stdout)
    found = json.loads(cli("savings", "--json").stdout)
    row = found["latest"][0]
    assert row["id"] == asked["id"]
    assert {name: row[name] for name in ("tokens_before", "tokens_after", "tokens_saved", "outcome")} == {
        name: asked[name] for name in ("tokens_before", "tokens_after", "tokens_saved", "outcome")
    }
    assert found["total"]["tokens_saved"] == sum(r["tokens_saved"] for r in found["latest"])
