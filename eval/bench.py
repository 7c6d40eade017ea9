"""``python -m tersus.eval.bench``: compressors side by side on the labelled data sets."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..compressors import Compressor, available_compressors, counter_name, load_counter
from ..errors import NotInstalled, TersusError
from .baselines import BASELINES
from .bench_options import limit, load, names, ratios, with_all
from .bench_run import METRICS, Row, evaluate
from .bench_table import bench_table
from .data import DataMissing, Example, read_examples
from .remember import ScoreMemory

__all__ = ["SETS", "main"]

SETS = ("hotpotqa", "2wikimultihopqa", "qed", "squad2", "nq-open", "selqa")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the bench.

    Returns:
        0 when every question was compressed, also where data sets are absent and were skipped;
        1 when a compressor failed on a question; 2 when the run could not start or go on.
    """
    options = _parser().parse_args(argv)
    notes = Console(stderr=True)
    rows: list[Row] = []
    status = 0
    try:
        compressors = [load(name) for name in with_all(options.compressors)]
        for row in _run(options, compressors, _load_data(options, notes), notes):
            rows.append(row)  # not extend: rows measured before an error are shown all the same
            if not notes.is_terminal:  # a log has no progress bar
                notes.print(_said(row), highlight=False, soft_wrap=True)
    except TersusError as error:
        notes.print(f"[red]error[/red] {escape(f'[{error.code}] {error}')}", highlight=False, soft_wrap=True)
        status = 2
    if options.json:
        sys.stdout.write(json.dumps(_report(options, rows), indent=2, ensure_ascii=False) + "\n")
    elif rows:
        out = Console()
        # Piped, there is no terminal whose width the table would have to fit into.
        out = out if out.is_terminal else Console(width=160)
        out.print(bench_table(rows))
    failed = [row for row in rows if row.failures]
    for row in failed:
        first = row.failures[0]
        said = f"{row.compressor} failed on {len(row.failures)} questions of {row.data}, first on {first.id}:"
        notes.print(escape(f"{said}\n{first.traceback}"), highlight=False, soft_wrap=True)
    return status or (1 if failed else 0)


def _said(row: Row) -> str:
    ratio = "" if row.ratio is None else f" at {row.ratio:g}"
    seconds = "none compressed" if row.seconds is None else f"{row.seconds:.2f} s a question"
    return escape(f"{row.data}: {row.compressor}{ratio} done, {seconds}")


def _load_data(options: argparse.Namespace, notes: Console) -> dict[str, list[Example]]:
    found = {}
    for name in options.sets:
        try:
            found[name] = list(
                read_examples(name, options.limit, split=options.split, data_dir=options.data_dir)
            )
        except DataMissing as missing:
            notes.print(f"[yellow]skipped[/yellow] {escape(str(missing))}", highlight=False, soft_wrap=True)
    if not found:
        notes.print("nothing to measure: no data set is here")
    return found


def _run(
    options: argparse.Namespace,
    compressors: Sequence[Compressor],
    data: dict[str, list[Example]],
    notes: Console,
) -> Iterator[Row]:
    jobs = [
        (name, compressor, ratio)
        for name in data
        for compressor in compressors
        # A ratio is not applied by "none": once is enough.
        for ratio in ([None] if compressor.name == "none" else options.ratios)
    ]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=notes, transient=True) as progress:
        bar = progress.add_task("", total=sum(len(data[name]) for name, _, _ in jobs))
        lacking: set[str] = set()
        memories = {(name, id(c)): ScoreMemory(c) for name in data for c in compressors}
        for name, compressor, ratio in jobs:
            if compressor.name in lacking:
                progress.advance(bar, len(data[name]))
                continue
            progress.update(bar, description=escape(f"{name}: {compressor.name}"))
            try:
                yield evaluate(
                    compressor,
                    data[name],
                    ratio,
                    data=f"{name}.{options.split}",
                    seed=options.seed,
                    advance=lambda: progress.advance(bar),
                    memory=memories[name, id(compressor)],
                )
            except NotInstalled as missing:
                if len(compressors) == 1:
                    raise
                lacking.add(compressor.name)
                said = f"[yellow]skipped[/yellow] {escape(f'{compressor.name}: {missing}')}"
                notes.print(said, highlight=False, soft_wrap=True)


def _report(options: argparse.Namespace, rows: Sequence[Row]) -> dict[str, object]:
    return {
        "metrics": [repr(metric) for metric in METRICS],
        "counter": counter_name(load_counter()),
        "split": options.split,
        "limit": options.limit,
        "seed": options.seed,
        "rows": [asdict(row) for row in rows],
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tersus.eval.bench", description=__doc__)
    known = ", ".join([*available_compressors(), *BASELINES])
    parser.add_argument("--sets", type=names, default=list(SETS), help=f"default: {','.join(SETS)}")
    parser.add_argument("--split", default="dev", help="default: dev")
    parser.add_argument(
        "--compressors",
        type=names,
        default=["none", *BASELINES, "similarity", "exit"],
        help=f"separated by commas, of: {known}, chains of them such as exit+frugal, or all "
        "(default: none,head,bm25,similarity,exit)",
    )
    parser.add_argument("--ratios", type=ratios, default=[0.25], help="shares to keep (default: 0.25)")
    parser.add_argument("--limit", type=limit, help="questions of each data set (default: all)")
    parser.add_argument(
        "--data-dir", help="folder of the data files (default: TERSUS_DATA_DIR, ../shared/data)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default: 0)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


if __name__ == "__main__":
    sys.exit(main())
