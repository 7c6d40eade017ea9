"""``python -m tersus.eval.protection_check``: whether protecting antecedents or headings helps.

Every question is scored once; the same scores are then selected from with protection and without, at the
same ratio, so that what protection brings takes the place of other sentences. Printed are answer and
support recall both ways and the mean difference with its 95% paired bootstrap interval: only where
that lies above zero does protection help. What a reader makes of a pronoun whose sentence is
missing, these figures do not see.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ..compressors import ExtractiveCompressor
from ..errors import InvalidInput, TersusError
from .bench_options import limit, load, names, ratios
from .data import DataMissing, read_examples
from .metrics import Estimate
from .protection_run import VARIANTS, Compared, compare

__all__ = ["main"]

_SETS = ["hotpotqa", "2wikimultihopqa", "qed", "squad2"]


def main(argv: Sequence[str] | None = None) -> int:
    """Score, select, print.

    Returns:
        0 when every set was measured, also where data sets are absent and were skipped; 2 when the
        check could not start or go on.
    """
    options = _parser().parse_args(argv)
    notes = Console(stderr=True)
    rows: list[Compared] = []
    status = 0
    try:
        compressor = load(options.compressor)
        if not isinstance(compressor, ExtractiveCompressor):
            raise InvalidInput(
                f"{compressor.name} does not select spans", hint="take an extractive one, such as similarity"
            )
        for name in options.sets:
            rows += _measured(options, compressor, name, notes)
    except TersusError as error:
        notes.print(f"[red]error[/red] {escape(f'[{error.code}] {error}')}", highlight=False, soft_wrap=True)
        status = 2
    if options.json:
        report = {"split": options.split, "seed": options.seed, "rows": [asdict(row) for row in rows]}
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
    elif rows:
        out = Console()
        out = out if out.is_terminal else Console(width=160)
        out.print(_table(rows))
    return status


def _measured(
    options: argparse.Namespace, compressor: ExtractiveCompressor, name: str, notes: Console
) -> list[Compared]:
    try:
        examples = list(read_examples(name, options.limit, split=options.split, data_dir=options.data_dir))
    except DataMissing as missing:
        notes.print(f"[yellow]skipped[/yellow] {escape(str(missing))}", highlight=False, soft_wrap=True)
        return []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=notes, transient=True) as progress:
        bar = progress.add_task(escape(f"{name}: {compressor.name}"), total=len(examples))
        return compare(
            compressor,
            examples,
            options.ratios,
            data=f"{name}.{options.split}",
            seed=options.seed,
            advance=lambda: progress.advance(bar),
        )


def _table(rows: Sequence[Compared]) -> Table:
    table = Table(
        title=f"Protection with the scores of {rows[0].compressor}",
        caption="Recalls without → with it. changed: questions whose context became another one.\n"
        "gain: mean difference with its 95% paired bootstrap interval in brackets.",
        caption_justify="left",
    )
    table.add_column("data", no_wrap=True)
    table.add_column("protect", no_wrap=True)
    for name in ("ratio", "n", "changed", "kept", "answer recall", "gain", "support recall", "gain"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.data,
            row.protect,
            f"{row.ratio:g}",
            str(row.questions),
            f"{row.changed:.0%}",
            f"{row.kept_without or 0:.3f} → {row.kept_with or 0:.3f}",
            _both(row.answer_without, row.answer_with),
            _gain(row.answer_gain),
            _both(row.support_without, row.support_with),
            _gain(row.support_gain),
        )
    return table


def _both(without: Estimate, protected: Estimate) -> str:
    if without.mean is None or protected.mean is None:
        return "–"
    return f"{without.mean:.3f} → {protected.mean:.3f}"


def _gain(value: Estimate) -> str:
    if value.mean is None:
        return "–"
    if value.low is None or value.high is None:
        return f"{value.mean:+.3f}"
    return f"{value.mean:+.3f} [{value.low:+.3f}, {value.high:+.3f}]"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tersus.eval.protection_check",
        description=f"Whether protection helps: {', '.join(VARIANTS)}, each against none, at the same ratio.",
    )
    parser.add_argument("--sets", type=names, default=_SETS, help=f"default: {','.join(_SETS)}")
    parser.add_argument("--split", default="dev", help="default: dev")
    parser.add_argument(
        "--compressor", default="similarity", help="whose scores, as NAME:OPTION=VALUE (default: similarity)"
    )
    parser.add_argument("--ratios", type=ratios, default=[0.25, 0.1], help="default: 0.25,0.1")
    parser.add_argument("--limit", type=limit, help="questions of each data set (default: all)")
    parser.add_argument(
        "--data-dir", help="folder of the data files (default: TERSUS_DATA_DIR, ../shared/data)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default: 0)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


if __name__ == "__main__":
    sys.exit(main())
