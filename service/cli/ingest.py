"""``tersus ingest``: files into a collection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .common import CollectionName, Json, open_tersus, state_of

if TYPE_CHECKING:
    from rich.text import Text

    from ...rag.ingest.report import IngestedDocument, IngestReport, OnProgress, Progress

__all__ = ["ingest", "progress_bar"]

_STYLES = {
    "added": "green",
    "replaced": "cyan",
    "pruned": "yellow",
    "skipped": "dim",
    "refused": "bold red",
    "unchanged": "dim",
}


def ingest(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Files and folders; folders are read to the bottom.")],
    collection: CollectionName,
    prune: Annotated[
        bool, typer.Option("--prune", help="Also remove documents from under PATHS that are no longer there.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="List unchanged files, too.")] = False,
    as_json: Json = False,
) -> None:
    """Read text, Markdown, HTML and PDF into a collection.

    Says for every file what became of it, and why where it was skipped or refused. Files that have
    not changed cost a checksum; changed ones take the place of their old version. Stop it at any
    moment and run it again: it goes on where it was. The collection is made if it is new.
    """
    from ...rag.ingest.walk import find_files

    find_files(paths)  # a wrong path is told at once, not after the model has loaded
    with open_tersus(ctx) as tersus, progress_bar() as on_progress:
        report = tersus.ingester.ingest_files(paths, collection, prune=prune, on_progress=on_progress)
    if as_json:
        from .output import print_json

        print_json({**asdict(report), "counts": report.counts()})
    else:
        _print(report, everything=verbose or state_of(ctx).verbose > 0)
    if report.documents and all(document.status == "refused" for document in report.documents):
        raise typer.Exit(1)


@contextmanager
def progress_bar() -> Iterator[OnProgress | None]:
    """A bar on stderr while it runs, where that is a terminal."""
    from .output import clean, stderr

    console = stderr()
    if not console.is_terminal:
        yield None
        return
    from rich import progress

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(bar_width=None),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
    )
    with progress.Progress(*columns, console=console, transient=True, expand=True) as bar:
        task = bar.add_task("loading the embedding model", total=None)

        def show(now: Progress) -> None:
            name = (
                clean(Path(now.latest.external_id).name)[:40]
                if now.latest
                else f"{now.chunks} chunks embedded"
            )
            bar.update(task, completed=now.done, total=now.total, description=name)

        yield show


def _print(report: IngestReport, *, everything: bool) -> None:
    from .figures import duration
    from .output import dot, one_line, stderr, stdout

    console = stdout()
    for document in report.documents:
        if everything or document.status != "unchanged":
            console.print(_line(document), soft_wrap=True)
    counts = report.counts()
    known = [f"{counts[status]} {status}" for status in _STYLES if status in counts]
    documents = ", ".join(known) or "no files found"
    parts = [documents, f"{report.chunks:,} chunks written", duration(report.seconds)]
    console.print(f"{one_line(report.collection)}: {dot(console).join(parts)}", style="bold", soft_wrap=True)
    if report.index_problem:
        stderr().print(f"warning: the index was not saved: {report.index_problem}", soft_wrap=True)


def _line(document: IngestedDocument) -> Text:
    from rich.text import Text

    from .output import one_line, short_path

    line = Text.assemble(
        (f"{document.status:<10}", _STYLES[document.status]), short_path(document.external_id)
    )
    if document.reason:
        line.append(f": {one_line(document.reason)}")
    elif document.chunks:
        line.append(f"  {document.chunks} chunk{'s' if document.chunks > 1 else ''}", "dim")
    return line
