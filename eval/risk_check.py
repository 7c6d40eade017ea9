"""``python -m tersus.eval.risk_check``: whether the promised risk holds, by resampling labelled questions.

Every question is scored once. Then, for each risk, the questions are split in two halves at random many
times: one half finds the threshold, the other counts how many questions lose their answer with it, and
the other way round.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ..compressors import ExtractiveCompressor
from ..errors import TersusError
from .bench_options import limit, load, names
from .calibrate import CalibrationSet, extractive, score_examples
from .conformal import RiskTooSmall
from .data import DataMissing, read_examples
from .resample import Resampled, resample

__all__ = ["Checked", "main"]


@dataclass(frozen=True, slots=True)
class Checked:
    """One data set and risk. ``result`` is None where the questions cannot promise the risk (``problem``)."""

    data: str
    compressor: str
    risk: float
    questions: int
    left_out: int
    kept_text: float | None
    result: Resampled | None
    problem: str | None = None


def main(argv: Sequence[str] | None = None) -> int:
    """Score, resample, print.

    Returns:
        0 when every mean loss is at most its target or within two standard errors of it, also where data
        sets are absent and were skipped; 1 when one is not; 2 when the check could not run.
    """
    options = _parser().parse_args(argv)
    notes = Console(stderr=True)
    rows: list[Checked] = []
    status = 0
    try:
        compressor = extractive(load(options.compressor))
        for name in options.data:
            rows += _check(options, compressor, name, notes)
    except TersusError as error:
        notes.print(f"[red]error[/red] {escape(f'[{error.code}] {error}')}", highlight=False, soft_wrap=True)
        status = 2
    if options.json:
        report = {"split": options.split, "seed": options.seed, "rows": [_row(row) for row in rows]}
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
    elif rows:
        out = Console()
        out = out if out.is_terminal else Console(width=160)
        out.print(_table(rows))
        for row in rows:
            if row.problem:
                out.print(escape(f"{row.data}, risk {row.risk:g}: {row.problem}"), highlight=False)
    broken = any(row.result is not None and row.result.verdict == "broken" for row in rows)
    return status or (1 if broken else 0)


def _check(
    options: argparse.Namespace, compressor: ExtractiveCompressor, name: str, notes: Console
) -> Iterator[Checked]:
    try:
        examples = list(read_examples(name, options.limit, split=options.split, data_dir=options.data_dir))
    except DataMissing as missing:
        notes.print(f"[yellow]skipped[/yellow] {escape(str(missing))}", highlight=False, soft_wrap=True)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=notes, transient=True) as progress:
        bar = progress.add_task(escape(f"{name}: {compressor.name}"), total=len(examples))
        scored = score_examples(compressor, examples, advance=lambda: progress.advance(bar))
    for risk in options.risk:
        yield _resampled(options, scored, compressor.name, name, risk)


def _resampled(
    options: argparse.Namespace, scored: CalibrationSet, compressor: str, data: str, risk: float
) -> Checked:
    kept, result, problem = None, None, None
    try:
        kept = scored.kept_text(scored.calibration(risk).threshold)
        result = resample(scored.critical, risk, splits=options.splits, seed=options.seed)
    except RiskTooSmall as error:
        problem = str(error)
    left_out = sum(scored.left_out.values())
    return Checked(data, compressor, risk, scored.size, left_out, kept, result, problem)


def _row(row: Checked) -> dict[str, object]:
    return {**asdict(row), "verdict": row.result.verdict if row.result else None}


def _table(rows: Sequence[Checked]) -> Table:
    table = Table(title="Mean loss over random halves; target: at most the risk")
    table.add_column("Data")
    table.add_column("Compressor")
    for name in ("Risk", "Questions", "Left out", "Halves", "Splits", "Mean loss", "± s.e."):
        table.add_column(name, justify="right")
    table.add_column("Expected", justify="right")
    table.add_column("Text kept", justify="right")
    table.add_column("Verdict")
    for row in rows:
        found = row.result
        cells = ["", "", "", "", ""]
        if found is not None:
            cells = [f"{found.sizes[0]}/{found.sizes[1]}", f"{found.splits}", f"{found.mean:.4f}"]
            cells += [f"{found.standard_error:.4f}", f"{found.expected:.4f}"]
        table.add_row(
            row.data,
            row.compressor,
            f"{row.risk:g}",
            f"{row.questions}",
            f"{row.left_out}",
            *cells,
            "" if row.kept_text is None else f"{row.kept_text:.0%}",
            found.verdict if found else "cannot be promised",
        )
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tersus.eval.risk_check", description=__doc__)
    parser.add_argument(
        "--data", type=names, default=["hotpotqa"], help="data sets or files, separated by commas"
    )
    parser.add_argument("--compressor", default="similarity", help="default: similarity")
    parser.add_argument("--risk", type=_risks, default=[0.05], help="separated by commas (default: 0.05)")
    parser.add_argument("--splits", type=limit, default=200, help="random halves (default: 200)")
    parser.add_argument("--split", default="dev", help="of data sets by name (default: dev)")
    parser.add_argument("--limit", type=limit, help="questions of each data set (default: all)")
    parser.add_argument(
        "--data-dir", help="folder of the data files (default: TERSUS_DATA_DIR, ../shared/data)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the splits (default: 0)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


def _risks(text: str) -> list[float]:
    try:
        risks = [float(part) for part in names(text)]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers") from None
    if not all(0 < risk < 1 for risk in risks):
        raise argparse.ArgumentTypeError(f"a risk is above 0 and below 1, got {text}")
    return risks


if __name__ == "__main__":
    sys.exit(main())
