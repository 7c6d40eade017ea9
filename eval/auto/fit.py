"""``python -m tersus.eval.auto.fit``: learns when ``auto`` takes what, and what it gains.

Every question is compressed under every choice. The gain is told on questions that the policy was not
learned from (five folds), against the best that fixed choices reach at the same share kept.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ..bench_options import limit, names
from ..data import DataMissing, Example, read_examples
from .learn import Gain, TooFewRows, cross_validated, gain, learn
from .rows import CHOICES, Rows, collect

__all__ = ["main"]

DATA = "hotpotqa,2wikimultihopqa,qed,nq-open,squad2,selqa"
PRICES = (0.05, 0.1, 0.2, 0.4, 0.8)


def main(argv: Sequence[str] | None = None) -> int:
    """Collect, learn, print; 0 also where the data are absent, 2 where they are too few."""
    parser = argparse.ArgumentParser(prog="python -m tersus.eval.auto.fit", description=__doc__)
    parser.add_argument(
        "--data", type=names, default=names(DATA), help=f"data sets or files (default: {DATA})"
    )
    parser.add_argument("--split", default="dev", help="of data sets by name (default: dev)")
    parser.add_argument("--limit", type=limit, help="questions of each data set (default: all)")
    parser.add_argument("--price", type=float, default=0.2, help="of one whole context (default: 0.2)")
    parser.add_argument("--out", type=Path, help="write the policy here: AutoCompressor(policy=FILE)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(argv)
    notes = Console(stderr=True)
    examples: list[Example] = []
    for name in options.data:
        try:
            found = [e for e in read_examples(name, split=options.split) if not e.impossible]
        except DataMissing as error:
            notes.print(f"skipped: {error}", highlight=False)
            continue
        examples += found[: options.limit]
    if not examples:
        return 0
    with Progress(console=notes, transient=True) as bar:
        work = bar.add_task("compressing", total=len(examples))
        rows = collect(examples, report=lambda done: bar.update(work, completed=done))
    try:
        gains = [gain(rows, cross_validated(rows, CHOICES, price), price) for price in PRICES]
        if options.out is not None:
            learn(rows, CHOICES, options.price).write(options.out)
    except TooFewRows as error:
        notes.print(f"{error}; {error.hint}", highlight=False)
        return 2
    _print(rows, gains, as_json=options.json)
    return 0


def _print(rows: Rows, gains: Sequence[Gain], *, as_json: bool) -> None:
    means = zip(CHOICES, rows.success.mean(0).tolist(), rows.kept.mean(0).tolist(), strict=True)
    fixed = [(str(choice), float(success), float(kept)) for choice, success, kept in means]
    if as_json:
        named = [dict(zip(("choice", "success", "kept"), one, strict=True)) for one in fixed]
        told = {"questions": len(rows.source), "fixed": named, "auto": [asdict(one) for one in gains]}
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
        return
    table = Table("choice", "answer kept", "kept", "fixed at that share", "gain", "95%")
    for name, success, kept in fixed:
        table.add_row(name, f"{success:.3f}", f"{kept:.3f}", "", "", "")
    for g in gains:
        table.add_row(
            f"auto, price {g.price:g}",
            f"{g.success:.3f}",
            f"{g.kept:.3f}",
            f"{g.fixed:.3f}",
            f"{g.gain:+.3f}",
            f"{g.low:+.3f} to {g.high:+.3f}",
        )
    table.title = f"{len(rows.source)} questions"
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
