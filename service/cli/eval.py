"""``tersus eval``: run, report, compare, list, gate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .common import Json, open_tersus
from .eval_finish import finish
from .eval_run import eval_run
from .typers import QuietTyper

__all__ = ["eval_app"]

eval_app = QuietTyper(
    help="Measure compressors on questions, with or without a reader, and report.", no_args_is_help=True
)
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a finished run.")]
eval_app.command(
    "run",
    epilog="Example: tersus eval run -d hotpotqa --compressors none,exit --ratios 0.25,adaptive -o run1",
)(eval_run)
NoStore = Annotated[bool, typer.Option("--no-store", help="Do not store the report in the database.")]


@eval_app.command("report", epilog="Example: tersus eval report run1")
def report(ctx: typer.Context, folder: Folder, no_store: NoStore = False, as_json: Json = False) -> None:
    """Write a run's report again: report.html, .md, .csv, .json and scores.json in its folder."""
    from ...eval.report import read_results

    finish(ctx, read_results(folder), not no_store, as_json)


@eval_app.command("compare", epilog="Example: tersus eval compare before/ after/")
def compare(
    ctx: typer.Context,  # noqa: ARG001 - --json is noted in it
    old: Annotated[Path, typer.Argument(metavar="A", help="A run's folder or its scores.json.")],
    new: Annotated[Path, typer.Argument(metavar="B", help="The same.")],
    as_json: Json = False,
) -> None:
    """Show what changed from run A to run B, question by question."""
    from dataclasses import asdict

    from ...eval.report.compare import compare as compared
    from ...eval.report.compare import read_scores
    from .output import print_json, stdout
    from .tables import print_table

    changes = compared(read_scores(new), read_scores(old))
    if as_json:
        print_json({"changes": [asdict(change) for change in changes]})
        return
    rows = [
        [
            c.key.replace("|", " "),
            c.metric,
            _difference(c.quality),
            _p(c.quality.p_value),
            _difference(c.kept),
        ]
        for c in changes
    ]
    print_table(stdout(), ["Cell", "Metric", "B - A [95% CI]", "p", "Kept"], rows, numbers=["p"])


@eval_app.command("list", epilog="Example: tersus eval list --json")
def list_runs(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most this many.")] = 20,
    as_json: Json = False,
) -> None:
    """List the runs that the database holds, the newest first."""
    from ...rag.ledger.evaluations import EvaluationRepository
    from .output import print_json, stdout
    from .tables import print_table

    with open_tersus(ctx) as tersus, tersus.database.session() as session:
        found: list[dict[str, Any]] = [
            {
                "id": row.id, "created_at": row.created_at.isoformat(), "name": row.name,
                "folder": row.folder,
                "questions": row.questions, "spec": row.spec_hash,
                "recommendations": row.said,
            }
            for row in EvaluationRepository(session).list(limit)
        ]  # fmt: skip
    if as_json:
        print_json({"evaluations": found})
        return
    rows = [
        [r["id"][:8], r["created_at"][:16].replace("T", " "), r["name"], str(r["questions"]), r["folder"]]
        for r in found
    ]
    print_table(stdout(), ["Id", "Time", "Name", "Questions", "Folder"], rows, numbers=["Questions"])


@eval_app.command("gate", epilog="Example: tersus eval gate run2 --baseline run1/scores.json")
def gate(
    ctx: typer.Context,  # noqa: ARG001 - --json is noted in it
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run's folder or its scores.json.")],
    baseline: Annotated[
        Path, typer.Option(metavar="FILE", help="The scores.json, or the folder, of an older run.")
    ],
    margin: Annotated[float, typer.Option(min=0, metavar="SHARE", help="A loss up to this passes.")] = 0.0,
    kept_margin: Annotated[
        float, typer.Option(min=0, metavar="SHARE", help="A growth of the tokens kept up to this passes.")
    ] = 0.02,
    as_json: Json = False,
) -> None:
    """Fail (exit status 1) where a run is worse than an older one by more than chance explains.

    A cell fails where the 95% interval of its paired difference lies wholly below zero less the margin, where
    it keeps more tokens than before, or where it is missing. For the CI of a project that uses Tersus.
    """
    from dataclasses import asdict

    from ...eval.report.compare import read_scores
    from ...eval.report.gate import gate as judged
    from .output import print_json, stdout
    from .tables import print_table

    verdicts = judged(read_scores(folder), read_scores(baseline), margin=margin, kept_margin=kept_margin)
    passed = all(verdict.passed for verdict in verdicts)
    if as_json:
        print_json({"passed": passed, "cells": [{**asdict(v), "passed": v.passed} for v in verdicts]})
    else:
        rows = [
            [
                "ok" if v.passed else "WORSE", v.change.key.replace("|", " "), v.change.metric,
                _difference(v.change.quality), "; ".join(v.reasons),
            ]
            for v in verdicts
        ]  # fmt: skip
        print_table(stdout(), ["", "Cell", "Metric", "Now - then [95% CI]", "Why"], rows)
    if not passed:
        raise typer.Exit(1)


def _difference(found: Any) -> str:
    if found.mean is None:
        return "–"
    return (
        f"{found.mean:+.3f}"
        if found.low is None
        else f"{found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"
    )


def _p(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
