"""The end of a run: its report, in files and in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from .common import open_tersus

if TYPE_CHECKING:
    from ...eval.report import Results

__all__ = ["finish"]


def finish(ctx: typer.Context, results: Results, store: bool, as_json: bool) -> None:
    """Write the report, store it, and say what it recommends."""
    import json

    from ...eval.report.document import write_report
    from ...rag.ledger.evaluations import EvaluationRepository
    from .output import print_json, stdout

    page = write_report(results)
    figures = json.loads((results.folder / "report.json").read_text(encoding="utf-8"))
    identity = None
    if store:
        with open_tersus(ctx) as tersus, tersus.database.session(write=True) as session:
            identity = EvaluationRepository(session).add(
                figures["name"], str(results.folder.resolve()), figures, page.read_text(encoding="utf-8")
            )
    if as_json:
        print_json({"id": identity, "report": str(page), **figures})
        return
    console = stdout()
    for recommendation in figures["recommendations"]:
        console.print(recommendation["text"], soft_wrap=True)
    console.print(f"Report: {page}", soft_wrap=True)
