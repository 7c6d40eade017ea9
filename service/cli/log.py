"""``tersus log`` and ``tersus show``: the ledger's single rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .common import Json, open_tersus
from .savings import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...rag.ledger.tables import Query

__all__ = ["log", "show"]

_WIDE = 100  # columns; where there are fewer, the kind and the year are left to "tersus show"
_OUTCOMES = {"compressed": "green", "fell_back": "yellow", "failed": "bold red", "started": "yellow"}


def log(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="Most rows to list.")] = 20,
    kind: Annotated[
        list[Kind] | None,
        typer.Option(
            metavar="KIND",
            show_default=False,
            help="Only query, compress, shadow, evaluation or demo; repeatable.",
        ),
    ] = None,
    collection: Annotated[
        str | None,
        typer.Option("--collection", "-c", metavar="NAME", show_default=False, help="Only this collection."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the latest queries, newest first, whatever became of them."""
    from ...rag.ledger import QueryRepository
    from .ledger_rows import query_dict
    from .output import print_json

    kinds = [item.value for item in kind] if kind else None
    with open_tersus(ctx) as tersus, tersus.database.session() as session:
        rows = QueryRepository(session).list(kinds=kinds, collection=collection, limit=limit)
    if as_json:
        print_json({"queries": [query_dict(row) for row in rows]})
    else:
        _print(rows)


def _print(rows: Sequence[Query]) -> None:
    from rich.text import Text

    from .figures import money
    from .output import arrow, one_line, stdout
    from .tables import print_table

    console = stdout()
    if not rows:
        console.print("The ledger has no such rows yet.")
        return
    wide = console.width >= _WIDE
    cells: list[list[str | Text]] = []
    for row in rows:
        tokens = ""
        if row.tokens_before is not None and row.tokens_after is not None:
            tokens = f"{row.tokens_before:,} {arrow(console)} {row.tokens_after:,}"
        cells.append(
            [
                row.id[:8],
                f"{row.created_at:{'%Y-%m-%d %H:%M' if wide else '%m-%d %H:%M'}}",
                *([row.kind] if wide else []),
                one_line(row.question),
                Text(row.outcome, _OUTCOMES.get(row.outcome, "")),
                tokens,
                "" if row.cost_saved is None else money(row.cost_saved),
            ]
        )
    columns = ["Id", "Time (UTC)", *(["Kind"] if wide else []), "Question", "Outcome", "Tokens", "Saved"]
    print_table(console, columns, cells, numbers=columns[-2:], cut=["Question"])


def show(
    ctx: typer.Context,
    row_id: Annotated[
        str,
        typer.Argument(metavar="ID", show_default=False, help="From 'tersus log'; its beginning is enough."),
    ],
    as_json: Json = False,
) -> None:
    """Show the whole account of one query: what was sent, what it took, what it saved and why."""
    from .ledger_rows import find_row, print_query, query_dict
    from .output import print_json

    with open_tersus(ctx) as tersus, tersus.database.session() as session:
        row = find_row(session, row_id)
    if as_json:
        print_json(query_dict(row))
    else:
        print_query(row)
