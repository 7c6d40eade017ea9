"""The command line: ``tersus COMMAND``. One file a command; whatever is heavy is imported when it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .calibrate import calibrate
from .clusters import clusters
from .collections import collections_app
from .common import State
from .compress import compress
from .compressors import compressors
from .crag import crag_app
from .db_rows import db_app
from .demo import demo
from .doctor import doctor
from .eval import eval_app
from .group import TersusGroup
from .index import index_app
from .ingest import ingest
from .keys import keys_app
from .log import log, show
from .models import models_app
from .query import query
from .savings import savings
from .search import search
from .serve import serve
from .shadow import shadow
from .train import train_app
from .tune import tune_app
from .typers import QuietTyper

__all__ = ["app", "main"]

app = QuietTyper(
    name="tersus",
    cls=TersusGroup,
    help="Send a language model only the words the answer needs, and see what each query saved.",
    epilog="Start with: tersus ingest docs/ --collection docs, then: tersus query 'How do I ...?' -c docs",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_USE = "Use"
_ACCOUNT = "Account"
_MANAGE = "Manage"


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"tersus {version('tersus')}")
        raise typer.Exit


@app.callback()
def _global(
    ctx: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(help="Folder with database and indexes, in place of TERSUS_HOME.", show_default=False),
    ] = None,
    database_url: Annotated[
        str | None,
        typer.Option(help="Database address, in place of TERSUS_DATABASE_URL.", show_default=False),
    ] = None,
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose", "-v", count=True, show_default=False,
            help="Log to stderr what happens, and show tracebacks; twice for more.",
        ),
    ] = 0,
    _show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:  # fmt: skip
    """Options that stand before the command."""
    ctx.obj = State(home=home, database_url=database_url, verbose=verbose)
    ctx.obj.start_logging()


app.command(rich_help_panel=_USE, epilog="Example: tersus ingest docs/ README.md --collection docs --prune")(
    ingest
)
app.command(
    rich_help_panel=_USE,
    epilog="Example: tersus query 'Which ports are open?' --collection docs --ratio 0.25",
)(query)
app.command(
    rich_help_panel=_USE,
    epilog="Example: tersus search 'Which ports are open?' --collection docs --mode hybrid --window 1",
)(search)
app.command(
    rich_help_panel=_USE, epilog="Example: cat notes.txt | tersus compress --query 'Who pays?' --ratio 0.3 -"
)(compress)
app.command(rich_help_panel=_USE, epilog="Example: tersus serve --port 8484")(serve)
app.command(rich_help_panel=_ACCOUNT, epilog="Example: tersus savings --by model --since 7d")(savings)
app.command(rich_help_panel=_ACCOUNT, epilog="Example: tersus log --limit 5")(log)
app.command(rich_help_panel=_ACCOUNT, epilog="Example: tersus show 3f2a91c0 --json")(show)
app.command(rich_help_panel=_ACCOUNT, epilog="Example: tersus shadow --json")(shadow)
app.command(rich_help_panel=_USE, epilog="Example: tersus demo --ratio 0.3")(demo)
app.add_typer(collections_app, name="collections", rich_help_panel=_MANAGE)
app.command(rich_help_panel=_MANAGE, epilog="Example: tersus clusters --collection docs --build")(clusters)
app.add_typer(index_app, name="index", rich_help_panel=_MANAGE)
app.add_typer(db_app, name="db", rich_help_panel=_MANAGE)
app.add_typer(keys_app, name="keys", rich_help_panel=_MANAGE)
app.command(
    rich_help_panel=_MANAGE,
    epilog="Example: tersus calibrate --data questions.jsonl --risk 0.05 --collection docs",
)(calibrate)
app.command(rich_help_panel=_MANAGE, epilog="Example: tersus compressors --json")(compressors)
app.add_typer(models_app, name="models", rich_help_panel=_MANAGE)
app.add_typer(crag_app, name="crag", rich_help_panel=_MANAGE)
app.add_typer(eval_app, name="eval", rich_help_panel=_ACCOUNT)
app.add_typer(train_app, name="train", rich_help_panel=_MANAGE)
app.add_typer(tune_app, name="tune", rich_help_panel=_MANAGE)
app.command(rich_help_panel=_MANAGE, epilog="Example: tersus doctor")(doctor)


def main() -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character shows its escape; nothing is lost and nothing crashes.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    app(prog_name="tersus")
