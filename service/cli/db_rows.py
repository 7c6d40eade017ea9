"""``tersus db prune`` and ``tersus db export``: what the ledger holds, and for how long."""

from __future__ import annotations

import csv
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from ...errors import InvalidInput, TersusError
from .common import Json, UsageProblem, open_tersus
from .db import db_app

if TYPE_CHECKING:
    from ...rag.ledger.tables import Query

__all__ = ["OutputUnwritable", "db_app", "export", "prune"]

_FORMATS = ("jsonl", "csv")


class OutputUnwritable(TersusError):
    """The file cannot be written."""

    code = "output_unwritable"


@db_app.command(epilog="Example: tersus db prune --older-than 90d --dry-run")
def prune(
    ctx: typer.Context,
    older_than: Annotated[
        str, typer.Option(metavar="WHEN", show_default=False, help="90d, 12w, or a day: 2026-08-01.")
    ],
    rows: Annotated[
        bool, typer.Option("--rows", help="Delete whole rows: savings no longer count them.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Remove old texts from the ledger: questions, answers and passages. Counts and costs stay.

    So do all sums; with --rows the rows go, too. Comparisons and ended jobs of that age are deleted.
    Queries that are not finished stay. Nothing younger than a day is touched.
    """
    from ...rag.ledger.retention import prune as remove
    from ...rag.moments import moment
    from .output import print_json, stdout

    before = moment(older_than, "--older-than")
    assert before is not None  # noqa: S101 - a text was given
    if before > datetime.now(UTC) - timedelta(days=1):
        raise InvalidInput("--older-than is less than a day ago", hint="give 1d or more")
    what = "rows" if rows else "texts of queries"
    if not dry_run and not yes:
        if not sys.stdin.isatty():
            raise UsageProblem("pruning needs a yes, and nobody can be asked", hint="add --yes or --dry-run")
        typer.confirm(f"Remove the {what} from before {before:%Y-%m-%d %H:%M} UTC?", abort=True, err=True)
    with open_tersus(ctx) as tersus:
        found = remove(tersus.database, before, rows=rows, dry_run=dry_run)
    if as_json:
        print_json(
            {
                "before": before.isoformat(), "rows": rows, "dry_run": dry_run, "queries": found.queries,
                "checks": found.checks, "jobs": found.jobs,
            }
        )  # fmt: skip
        return
    would = "would be removed" if dry_run else "removed"
    counts = f"{found.queries:,} {what}, {found.checks:,} shadow checks, {found.jobs:,} jobs"
    stdout().print(f"{counts} {would} from before {before:%Y-%m-%d %H:%M} UTC", soft_wrap=True)


@db_app.command(epilog="Example: tersus db export --since 30d --output ledger.jsonl")
def export(
    ctx: typer.Context,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Where to; - is standard output.")
    ] = "-",
    form: Annotated[
        str, typer.Option("--format", metavar="FORM", help="jsonl (all of a row) or csv (without passages).")
    ] = "jsonl",
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", show_default=False, help="From then on: 2026-11-01 or 30d.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="WHEN", show_default=False, help="Before then (not included).")
    ] = None,
    collection: Annotated[
        str | None,
        typer.Option("--collection", "-c", metavar="NAME", show_default=False, help="Only this collection."),
    ] = None,
) -> None:
    """Write the ledger's rows, oldest first, to a file: whole, or not at all."""
    from ...rag.ledger.export import exported
    from ...rag.moments import moment
    from .output import stderr

    if form not in _FORMATS:
        raise UsageProblem(f"--format is {form!r}", hint=f"use {' or '.join(_FORMATS)}")
    start, end = moment(since, "--since"), moment(until, "--until")
    with open_tersus(ctx) as tersus, _written(output) as out:
        count = _write(out, form, exported(tersus.database, start, end, None, collection))
    if output != "-":
        stderr().print(f"{count:,} rows written to {output}", soft_wrap=True, markup=False)


def _write(out: TextIO, form: str, rows: Iterator[Query]) -> int:
    from ...rag.ledger.tables import Query
    from .ledger_rows import query_dict

    count = 0
    names = [column.key for column in Query.__mapper__.columns if column.key != "passages"]
    writer = csv.DictWriter(out, names, extrasaction="ignore", lineterminator="\n")
    if form == "csv":
        writer.writeheader()
    for row in rows:
        values = query_dict(row)
        if form == "csv":
            writer.writerow({name: _plain(value) for name, value in values.items()})
        else:
            out.write(json.dumps(values, ensure_ascii=False) + "\n")
        count += 1
    return count


def _plain(value: object) -> object:
    """A text that a spreadsheet would run as a formula begins with an apostrophe."""
    risky = isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r")
    return f"'{value}" if risky else value


@contextmanager
def _written(output: str) -> Iterator[TextIO]:
    """A file that is there only once it is whole."""
    if output == "-":
        yield sys.stdout
        return
    path = Path(output)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent or ".", prefix=f".{path.name}.")
    except OSError as error:
        raise OutputUnwritable(
            f"{output} cannot be written: {error.strerror}", hint="check its folder"
        ) from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as error:
        raise OutputUnwritable(
            f"{output} cannot be written: {error.strerror}", hint="check the disk"
        ) from error
    finally:
        Path(name).unlink(missing_ok=True)
