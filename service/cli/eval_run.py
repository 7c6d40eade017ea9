"""``tersus eval run``: from data sets to a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import Json, UsageProblem
from .eval_finish import finish

if TYPE_CHECKING:
    pass

__all__ = ["eval_run"]


def eval_run(
    ctx: typer.Context,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help="Where results go; a run there goes on."),
    ],
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            "--dataset",
            "-d",
            metavar="NAME",
            show_default=False,
            help="A name, a .jsonl[.gz] file, HotpotQA's or SQuAD's .json, LongBench's .jsonl, a BEIR "
            "folder, needle:FILE, ledger:7d. Repeatable, or separated by commas.",
        ),
    ] = None,
    compressors: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES", show_default=False, help="Such as none,exit,bm25,head,random,exit+frugal."
        ),
    ] = None,
    ratios: Annotated[
        str | None,
        typer.Option(metavar="BUDGETS", show_default=False, help="Such as 0.25,adaptive,max_tokens=500."),
    ] = None,
    reader: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            show_default=False,
            help="none, oracle, local, local:MODEL, or URL#MODEL of an OpenAI-compatible endpoint.",
        ),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default=False, help="A language model as judge: local, URL#MODEL."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", show_default=False, help="Questions a data set.")
    ] = None,
    retrieve: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="K",
            show_default=False,
            help="Find K passages for each question among those of all, in place of its own.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", show_default=False, help="A TOML file that describes the run."
        ),
    ] = None,
    from_ledger: Annotated[
        bool, typer.Option("--from-ledger", help="Your own recorded queries; with --since.")
    ] = False,
    since: Annotated[
        str | None, typer.Option(metavar="SPAN", show_default=False, help="Of the ledger: 24h, 7d.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="TEXT", show_default=False, help="The report's heading.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", show_default=False, help="Of named data sets: dev.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, metavar="N", show_default=False, help="Of every draw.")
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", show_default=False, help="Questions in a unit of work (8)."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="Processes at once.")] = 1,
    threads: Annotated[
        int, typer.Option(min=1, metavar="N", help="Threads of each; part of a run's identity.")
    ] = 1,
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", show_default=False, help="Folder of named data sets.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Pay for a reader without being asked.")] = False,
    no_store: Annotated[
        bool, typer.Option("--no-store", help="Do not store the report in the database.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compress, read and score every question, and write the report.

    It says first how long it will take, and what a paid reader will cost. Killed at any moment it goes on
    where it stopped when it is called again, with the same results. Results of another description, other
    data, weights or code are never mixed: they get a folder of their own.

    --config names a TOML file with the same: datasets, compressors, budgets, readers, limit, retrieve, seed,
    prices (names of models to price contexts with).
    """
    from ...eval.report import read_results
    from ...eval.runs import read_spec
    from ...eval.runs.run import open_run
    from .output import counting, stderr, waiting

    if since is not None and not from_ledger:
        raise UsageProblem("--since is of --from-ledger", hint="add --from-ledger")
    sources = [part for text in dataset or () for part in text.split(",")]
    sources += [f"ledger:{since}" if since else "ledger:"] if from_ledger else []
    spec = read_spec(
        config,
        name=name,
        datasets=sources or None,
        compressors=_split(compressors),
        budgets=_split(ratios),
        readers=reader or None,
        judge=judge,
        limit=limit,
        retrieve=retrieve,
        split=split,
        seed=seed,
        batch=batch,
    )
    with open_run(output, spec, workers=workers, threads=threads, data_dir=data_dir) as opened:
        console = stderr()
        for skipped, why in opened.skipped.items():
            console.print(f"skipped {skipped}: {why}", soft_wrap=True)
        if opened.waiting():
            with waiting("measuring how long it will take"):
                seconds = opened.estimate()
            slowest = ", ".join(
                f"{n} {_span(s)}" for n, s in sorted(seconds.items(), key=lambda p: -p[1])[:3]
            )
            total = sum(opened.sizes.values())
            console.print(
                f"{total:,} questions, {len(opened.waiting())} units of work left, about "
                f"{_span(sum(seconds.values()))} (most: {slowest})",
                soft_wrap=True,
            )
            _agree_to_pay(opened.folder, spec, yes)
        with counting("evaluating") as progress:
            opened.execute(progress)
    finish(ctx, read_results(output), not no_store, as_json)


def _agree_to_pay(folder: Path, spec: Any, yes: bool) -> None:
    """Say what paid readers and a paid judge may cost at most, and ask."""
    from ...eval.runs.cost import reading_cost
    from .output import stderr

    found = reading_cost(folder, spec)
    for reader, usd in found.items():
        price = "an unknown price" if usd is None else f"at most {usd:,.2f} US dollars"
        stderr().print(f"{reader} will cost {price}", soft_wrap=True)
    if found and not yes and not typer.confirm("Go on?", err=True):
        raise UsageProblem("nothing was asked", hint="--yes goes on without asking")


def _split(text: str | None) -> list[str] | None:
    return None if text is None else text.split(",")


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
