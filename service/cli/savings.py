"""``tersus savings``: the account, summed up."""

from __future__ import annotations

import csv
import sys
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import Json, UsageProblem, open_tersus

if TYPE_CHECKING:
    from ...rag.ledger import SavingsReport, SavingsRow

__all__ = ["By", "Kind", "savings"]


class By(StrEnum):
    """What the rows of the table are."""

    day = "day"
    collection = "collection"
    compressor = "compressor"
    model = "model"
    key = "key"


class Kind(StrEnum):
    """Kinds of traffic that the ledger keeps apart."""

    query = "query"
    compress = "compress"
    shadow = "shadow"
    evaluation = "evaluation"
    demo = "demo"


_LATEST = 20  # single rows beside the sums, newest first; `tersus log` has the rest
_SHOWN = (
    "id", "created_at", "kind", "collection", "compressor", "budget", "model", "outcome", "reason",
    "tokens_before", "tokens_after", "tokens_saved", "kept", "cost_saved", "net_cost_saved",
)  # fmt: skip
_USERS_OWN = (Kind.query, Kind.compress)


def savings(
    ctx: typer.Context,
    by: Annotated[
        By,
        typer.Option(metavar="KEY", help="One row for each day, collection, compressor, model or API key."),
    ] = By.day,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN", show_default=False, help="From then on: 2026-11-01, 24h or 7d. Times are UTC."
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="WHEN", show_default=False, help="Before then (not included).")
    ] = None,
    kind: Annotated[
        list[Kind] | None,
        typer.Option(
            metavar="KIND",
            show_default=False,
            help="query, compress, shadow, evaluation or demo; repeatable. By default query and compress.",
        ),
    ] = None,
    all_kinds: Annotated[bool, typer.Option("--all-kinds", help="Count every kind of traffic.")] = False,
    collection: Annotated[
        str | None,
        typer.Option("--collection", "-c", metavar="NAME", show_default=False, help="Only this collection."),
    ] = None,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the rows as CSV, and nothing else.")] = False,
) -> None:
    """Sum up what was saved, from the ledger's rows.

    Tokens count the context as the target model counts it, before and after compression. Money is the
    saved tokens at the input price recorded with each query; rows without a price add none, and are
    counted below the table. What compression itself cost is subtracted in the net figure.
    """
    from ...rag.ledger import QueryRepository
    from ...rag.ledger.savings import savings as sum_up
    from ...rag.moments import moment
    from .ledger_rows import query_dict
    from .output import print_json

    if as_json and as_csv:
        raise UsageProblem("--json and --csv exclude each other", hint="give one of them")
    if kind and all_kinds:
        raise UsageProblem("--kind and --all-kinds exclude each other", hint="give one of them")
    kinds = [item.value for item in (Kind if all_kinds else kind or _USERS_OWN)]
    start, end = moment(since, "--since"), moment(until, "--until")
    with open_tersus(ctx) as tersus, tersus.database.session() as session:
        report = sum_up(session, by.value, start, end, kinds, collection)
        latest = QueryRepository(session).list(
            kinds=kinds, collection=collection, since=start, until=end, limit=_LATEST
        )
    if as_json:
        print_json(
            {
                "by": by.value,
                "since": _iso(start),
                "until": _iso(end),
                "kinds": kinds,
                "collection": collection,
                "rows": [row_dict(row) for row in report.rows],
                "total": row_dict(report.total),
                "latest": [{name: query_dict(row)[name] for name in _SHOWN} for row in latest],
            }
        )
    elif as_csv:
        _print_csv(report)
    else:
        from .savings_table import print_savings

        print_savings(report, kinds)


def row_dict(row: SavingsRow) -> dict[str, Any]:
    """A row as JSON-ready values; money as decimal strings."""
    values = {item.name: getattr(row, item.name) for item in fields(row)}
    values |= {"tokens_saved": row.tokens_saved, "kept": row.kept, "net_cost_saved": row.net_cost_saved}
    return {name: f"{v:f}" if isinstance(v, Decimal) else v for name, v in values.items()}


def _print_csv(report: SavingsReport) -> None:
    writer = csv.DictWriter(sys.stdout, fieldnames=list(row_dict(report.total)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row_dict(row) for row in report.rows)


def _iso(when: datetime | None) -> str | None:
    return when.astimezone(UTC).isoformat() if when else None
