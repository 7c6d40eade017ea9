"""``python -m tersus.eval.crag.table``: the tokens that clustering takes on growing heaps of reviews.

The first n texts of each group go to ``crag`` with its adaptive budget, without a question, and to plain
RAG; LexRank, the first tokens and random sentences get as many tokens as ``crag`` took, and all are
compared with the human summaries. Opinosis counts sentences, Amazon reviews whole reviews.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ...compressors import Compressor
from ...compressors.crag import CragCompressor, CragSummaryCompressor
from ...errors import NotInstalled, TersusError
from ..baselines import HeadCompressor
from ..bench_options import limit
from ..data import DataMissing
from ..data_reviews import ReviewGroup, read_reviews
from .baselines import LexRankCompressor, RandomCompressor
from .figures import Quality, Size, Verdict, flat, qualities, saves, sizes
from .measure import ALL, Memory, Sample, measure, sizes_of, texts_of
from .show import tables

__all__ = ["DATA", "Report", "main"]

DATA = {"opinosis": (4, 8, 16, 32, 64, 128, ALL), "amazon-reviews": (4, 8)}
"""The data sets, and how many texts of a group are taken."""
PARTS: dict[str, Callable[[Sequence[ReviewGroup]], Sequence[ReviewGroup]]] = {
    "all": lambda groups: groups,
    "chosen-on": lambda groups: groups[::2],
    "held-out": lambda groups: groups[1::2],
}
"""``crag``'s settings were chosen on every other group; the rest had no say in them."""


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of one data set."""

    data: str
    sizes: Sequence[Size]
    qualities: Sequence[Quality]
    verdicts: Sequence[Verdict]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the table. A missed target stands in the report; it is no error.

    Returns:
        0, also where data or the model are absent and it was said; 2 when the run could not start or go on.
    """
    options = _parser().parse_args(argv)
    notes = Console(stderr=True)
    reports: list[Report] = []
    status = 0
    try:
        reports += _run(options, notes)
    except NotInstalled as error:
        notes.print(f"nothing to measure: {escape(str(error))}", highlight=False, soft_wrap=True)
    except TersusError as error:
        notes.print(f"[red]error[/red] {escape(f'[{error.code}] {error}')}", highlight=False, soft_wrap=True)
        status = 2
    if options.json:
        settings = {name: getattr(options, name) for name in ("model", "summariser", "topic", "part", "seed")}
        found = {**settings, "data": [asdict(report) for report in reports]}
        sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
        return status
    out = Console()
    out = out if out.is_terminal else Console(width=140)
    for report in reports:
        for table in tables(report.data, report.sizes, report.qualities, report.verdicts):
            out.print(table)
    return status


def _run(options: argparse.Namespace, notes: Console) -> list[Report]:
    found: dict[str, Sequence[ReviewGroup]] = {}
    for name in DATA:
        try:
            every = list(read_reviews(name, data_dir=options.data_dir))
        except DataMissing as missing:
            notes.print(escape(f"skipped {name}: {missing}"), highlight=False, soft_wrap=True)
            continue
        found[name] = PARTS[options.part](every)[: options.limit]
    if not any(found.values()):
        notes.print("nothing to measure: no data", highlight=False)
        return []
    from ...compressors.models.encoder import load_encoder

    memory = Memory(load_encoder(options.model).encode)
    crag, others = _compressors(memory, options)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=notes, transient=True) as progress:
        bar = progress.add_task("embedding", total=None)
        for groups in found.values():
            memory(texts_of(groups))
        total = sum(len(sizes_of(g, DATA[name])) for name, groups in found.items() for g in groups)
        progress.update(bar, total=total)
        reports = []
        for name, groups in found.items():
            progress.update(bar, description=name)
            samples = [
                measure(
                    group,
                    size,
                    crag,
                    others,
                    memory,
                    topic=options.topic,
                    advance=lambda: progress.advance(bar),
                )
                for group in groups
                for size in sizes_of(group, DATA[name])
            ]
            reports += [_report(name, samples, options.seed)] if samples else []
    return reports


def _compressors(memory: Memory, options: argparse.Namespace) -> tuple[Compressor, list[Compressor]]:
    crag = CragCompressor(options.model, embedder=memory)
    summary = CragSummaryCompressor(options.model, embedder=memory, summariser=options.summariser)
    return crag, [summary, LexRankCompressor(), HeadCompressor(), RandomCompressor()]


def _report(name: str, samples: Sequence[Sample], seed: int) -> Report:
    rows = sizes(samples, seed)
    if name == "opinosis":
        verdicts = [flat(rows), saves(rows, 128, 0.9, "sentences")]
    else:
        verdicts = [saves(rows, 8, 0.46, "reviews")]
    return Report(name, rows, qualities(samples, seed), verdicts)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tersus.eval.crag.table", description=__doc__)
    parser.add_argument("--limit", type=limit, help="groups of each data set (default: all)")
    parser.add_argument(
        "--part", choices=list(PARTS), default="all", help="which groups: crag's settings were chosen on half"
    )
    parser.add_argument(
        "--topic", action="store_true", help="ask for the group's topic (default: no question)"
    )
    parser.add_argument("--model", default="minilm", help="alias, hub name or folder (default: minilm)")
    parser.add_argument("--summariser", default="extractive", help="of crag-summary (default: extractive)")
    parser.add_argument(
        "--data-dir", help="folder of the data files (default: TERSUS_DATA_DIR, ../shared/data)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default: 0)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser


if __name__ == "__main__":
    sys.exit(main())
