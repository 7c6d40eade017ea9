"""``python -m tersus.eval.frugal.table``: token attribution against random and worst-first selection.

FrugalPrompt's comparison without its language models: of each sentence of the passages that hold a
question's evidence the top k percent of the words are kept, by each scorer, at random, or from
the bottom up. What is left is asked for the gold answer, and for its embedding's cosine to the whole.
A second table times the attribution of 512 tokens.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ...compressors import Budget, Compressor
from ...compressors.frugal import FrugalCompressor
from ...errors import TersusError
from ..bench_options import limit, names, ratios
from ..data import DataMissing, Example, read_examples
from ..metrics import Estimate, bootstrap_ci
from ..targets import Measured, measure
from .selection import BottomSelection, RandomSelection
from .timing import Timed, time_attribution

__all__ = ["SCORERS", "Row", "main", "selections"]

SCORERS = ("globenc", "decompx", "pagerank", "query")


@dataclass(frozen=True, slots=True)
class Row:
    """One selection at one share of one data set; ``cosine`` is of the whole context's embedding."""

    data: str
    selection: str
    ratio: float
    kept: Estimate
    answer_recall: Estimate
    cosine: Estimate
    seconds: float


def selections() -> dict[str, Compressor]:
    """Every scorer from the top and from the bottom, and words at random."""
    found: dict[str, Compressor] = {}
    for scorer in SCORERS:
        made = FrugalCompressor(scorer=scorer, granularity="word", scope="sentence")  # type: ignore[arg-type]
        found[scorer] = made
        found[f"{scorer}, bottom"] = BottomSelection(made)
    found["random"] = RandomSelection()
    return found


def evidence(example: Example) -> Example:
    """The example with the passages alone that hold evidence for it; all where none is labelled."""
    gold = tuple(p for p in example.passages if p.supporting_spans)
    return replace(example, passages=gold or example.passages)


def rows_of(
    name: str,
    examples: Sequence[Example],
    shares: Sequence[float],
    *,
    seed: int = 0,
    advance: Callable[[str, int], None] = lambda *_: None,
) -> list[Row]:
    """Every selection at every share on the examples of one data set."""
    given = [evidence(example) for example in examples]
    found = []
    for ratio in shares:
        for label, compressor in selections().items():
            done = measure(compressor, given, Budget(ratio=ratio), advance=partial(advance, label))
            found.append(_row(name, label, ratio, done, seed))
    return found


def _row(name: str, label: str, ratio: float, done: Measured, seed: int) -> Row:
    from ...compressors.models.encoder import load_encoder

    before = [" ".join(p.text for p in o.example.passages) for o in done.outcomes]
    encode = load_encoder("minilm").encode
    cosines = (encode(before) * encode([o.compression.text for o in done.outcomes])).sum(1)
    return Row(
        name,
        label,
        ratio,
        done.kept(seed),
        done.answer_recall(seed),
        bootstrap_ci([float(value) for value in cosines], seed),
        sum(o.compression.seconds for o in done.outcomes) / max(1, len(done.outcomes)),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Print both tables. Returns 0, also where data sets are absent and were skipped; 2 on an error."""
    options = _parser().parse_args(argv)
    notes = Console(stderr=True)
    rows: list[Row] = []
    try:
        rows = _measured(options, notes)
        timed = time_attribution()
    except TersusError as error:
        notes.print(f"[red]error[/red] {escape(f'[{error.code}] {error}')}", highlight=False, soft_wrap=True)
        return 2
    if options.json:
        report = {"rows": [asdict(row) for row in rows], "timed": [asdict(one) for one in timed]}
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
        return 0
    out = Console()
    out = out if out.is_terminal else Console(width=140)
    if rows:
        out.print(_table(rows))
    out.print(_timing_table(timed))
    return 0


def _measured(options: argparse.Namespace, notes: Console) -> list[Row]:
    data: dict[str, list[Example]] = {}
    for name in options.sets:
        try:
            found = read_examples(name, options.limit, split=options.split, data_dir=options.data_dir)
            data[name] = [example for example in found if example.answers]
        except DataMissing as missing:
            notes.print(f"[yellow]skipped[/yellow] {escape(str(missing))}", highlight=False, soft_wrap=True)
    rows: list[Row] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=notes, transient=True) as progress:
        each = len(selections()) * len(options.ratios)
        bar = progress.add_task("", total=each * sum(map(len, data.values())))
        for name, examples in data.items():

            def advance(who: str, done: int, name: str = name) -> None:
                progress.update(bar, advance=done, description=escape(f"{name}: {who}"))

            rows += rows_of(name, examples, options.ratios, seed=options.seed, advance=advance)
    return rows


def _table(rows: Sequence[Row]) -> Table:
    table = Table(title="Words kept of each sentence, by salience", caption=_CAPTION, caption_justify="left")
    for name in ("data", "selection"):
        table.add_column(name)
    for name in ("asked", "questions", "kept", "answer recall", "cosine to the whole", "s/query"):
        table.add_column(name, justify="right", no_wrap=True)
    for i, row in enumerate(rows):
        table.add_row(
            row.data,
            row.selection,
            f"{row.ratio:.2f}",
            str(row.answer_recall.count),
            f"{row.kept.mean:.2f}" if row.kept.mean is not None else "–",
            str(row.answer_recall),
            str(row.cosine),
            f"{row.seconds:.3f}",
            end_section=i + 1 == len(rows) or rows[i + 1].ratio != row.ratio or rows[i + 1].data != row.data,
        )
    return table


_CAPTION = (
    "Passages with evidence alone. answer recall: a gold answer stands whole in what is kept, asked where\n"
    "it stands in the passages. In brackets the 95% bootstrap interval over questions."
)


def _timing_table(timed: Sequence[Timed]) -> Table:
    table = Table(title="Attribution of one text of 512 tokens")
    for name in ("what", "seconds", "target", "met"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for one in timed:
        target = "–" if one.target is None else f"< {one.target:g}"
        met = "" if one.met is None else ("yes" if one.met else "no")
        table.add_row(one.what, f"{one.seconds:.3f}", target, met)
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tersus.eval.frugal.table",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sets", type=names, default=["hotpotqa", "squad2"], help="default: hotpotqa,squad2")
    parser.add_argument("--split", default="dev", help="default: dev")
    parser.add_argument("--ratios", type=ratios, default=[0.8, 0.6, 0.5], help="default: 0.8,0.6,0.5")
    parser.add_argument("--limit", type=limit, help="questions of each data set (default: all)")
    parser.add_argument(
        "--data-dir", help="folder of the data files (default: TERSUS_DATA_DIR, ../shared/data)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default: 0)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser


if __name__ == "__main__":
    sys.exit(main())
