"""``tersus db``: the database's schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from .common import Json, settings_of
from .typers import QuietTyper

if TYPE_CHECKING:
    from ...rag import Settings
    from ...rag.ledger import Database

__all__ = ["db_app", "located"]

db_app = QuietTyper(
    help="The database: which schema it has, and bringing it up to date.", no_args_is_help=True
)


def located(settings: Settings) -> tuple[str, Path | None]:
    """The database's address without its password, and its file if it is SQLite. Nothing is made."""
    from ...rag.ledger.address import parse_address, shown, sqlite_path

    url = parse_address(settings.resolved_database_url)
    return shown(url), sqlite_path(url)


@contextmanager
def _database(ctx: typer.Context) -> Iterator[Database]:
    """The configured database as it is, whatever its schema."""
    from ...rag.ledger import Database

    database = Database(settings_of(ctx).resolved_database_url)
    try:
        yield database
    finally:
        database.close()


@db_app.command(epilog="Example: tersus --database-url postgresql://user@host/tersus db upgrade")
def upgrade(ctx: typer.Context, as_json: Json = False) -> None:
    """Create the tables, or bring them to this version. Nothing happens where they are."""
    from ...rag.ledger import schema
    from .output import clean, print_json, stdout

    with _database(ctx) as database:
        address, before = database.url, schema.current(database)
        schema.upgrade(database)
        after = schema.current(database)
    if as_json:
        print_json({"database": address, "before": before, "current": after, "head": schema.head()})
        return
    said = "is up to date" if before == after else f"went from {before or 'nothing'} to {after}"
    stdout().print(clean(f"{address} {said}"), soft_wrap=True)


@db_app.command(epilog="Example: tersus db current --json")
def current(ctx: typer.Context, as_json: Json = False) -> None:
    """Show the schema that the database has, and the one that this version needs."""
    from ...rag.ledger import schema
    from .output import clean, print_json, stdout

    address, file = located(settings_of(ctx))
    head, found = schema.head(), None
    if file is None or file.exists():  # looking must not make the file
        with _database(ctx) as database:
            found = schema.current(database)
    if as_json:
        print_json({"database": address, "current": found, "head": head, "up_to_date": found == head})
        return
    console = stdout()
    console.print(clean(f"database  {address}"), soft_wrap=True)
    console.print(f"current   {found or 'none: there are no tables yet'}")
    console.print(f"needed    {head}")
    if found != head:
        console.print("bring it up to date with: tersus db upgrade", style="yellow")
