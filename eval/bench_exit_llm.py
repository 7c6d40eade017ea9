"""``python -m tersus.eval.bench_exit_llm``: what ``exit-llm`` gains by sharing prefixes.

One whole prompt a sentence, and what prompts have in common read once: both ways score the same
passages, in turns, so that noise hits both alike. Printed are their seconds, by what factor sharing is
faster, and how far the scores lie apart.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ..compressors import ExtractiveCompressor, Passage
from ..compressors.exit_llm import ExitLLMCompressor
from ..compressors.segment import split
from ..errors import NotInstalled, TersusError
from .bench_options import limit
from .data import DataMissing, read_examples, to_passages
from .metrics import Estimate
from .targets.ratio import bootstrap_ratio

__all__ = ["PARTS", "Job", "Part", "Row", "compare", "draw", "main"]

Job = tuple[str, Sequence[Passage]]
"""A question and the passages to score for it."""

TOLERANCE = 1e-4
"""How far two computations of one probability may lie apart in float32."""
_THRESHOLDS = [i / 10 for i in range(1, 10)]
_MANY = 15


@dataclass(frozen=True, slots=True)
class Part:
    """What is timed: ``count`` jobs of a data set, and by what factor sharing is to be faster."""

    title: str
    data: str
    count: int
    target: float
    unit: str


PARTS = (
    Part("HotpotQA, one passage", "hotpotqa", 24, 2.0, "one"),
    Part("HotpotQA, the 10 passages of a question", "hotpotqa", 3, 2.0, "all"),
    Part(f"SelQA, one passage of {_MANY} sentences and more", "selqa", 6, 5.0, "long"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One part's figures: seconds a job as means, ``ratio`` whole by shared with its 95% bootstrap interval.

    ``max_delta`` is the largest difference of two scores of one sentence, ``decisions_differ`` the number of
    sentences that fall on different sides of one of the thresholds 0.1 to 0.9.
    """

    part: Part
    jobs: int
    sentences: int
    whole: float
    shared: float
    ratio: Estimate
    max_delta: float
    decisions_differ: int

    @property
    def same(self) -> bool:
        """Whether both ways give the same result."""
        return self.max_delta <= TOLERANCE and not self.decisions_differ


def draw(part: Part, count: int, *, data_split: str = "dev", data_dir: str | None = None) -> list[Job]:
    """The jobs of a part: of each question all passages, one (its place moves on), or the long ones.

    Raises:
        DataMissing, DataDamaged: as ``read_examples``.
    """
    examples = read_examples(part.data, split=data_split, data_dir=data_dir)

    def jobs() -> Iterator[Job]:
        for number, example in enumerate(examples):
            passages = to_passages(example)
            if part.unit == "all":
                yield example.question, passages
            elif part.unit == "one":
                yield example.question, [passages[number % len(passages)]]
            else:
                yield from ((example.question, [p]) for p in passages if len(split(p.text)) >= _MANY)

    return list(islice(jobs(), count))


def compare(
    part: Part,
    jobs: Sequence[Job],
    whole: ExtractiveCompressor,
    shared: ExtractiveCompressor,
    *,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
    advance: Callable[[], None] = lambda: None,
) -> Row:
    """Score every job both ways; who begins changes with every job."""
    ways = (whole, shared)
    pairs: list[tuple[float, float]] = []
    apart, differ = [0.0], 0
    for number, (question, passages) in enumerate(jobs):
        seconds, scores = [0.0, 0.0], [list[float](), list[float]()]
        for way in (0, 1) if number % 2 == 0 else (1, 0):
            started = clock()
            found = ways[way].score(question, passages)
            seconds[way] = clock() - started
            scores[way] = [span.score for spans in found for span in spans]
        pairs.append((seconds[0], seconds[1]))
        apart += [abs(a - b) for a, b in zip(*scores, strict=True)]
        differ += sum(any((a >= t) != (b >= t) for t in _THRESHOLDS) for a, b in zip(*scores, strict=True))
        advance()
    means = [sum(some) / len(pairs) for some in zip(*pairs, strict=True)]
    ratio = bootstrap_ratio(pairs, seed)
    return Row(part, len(pairs), len(apart) - 1, means[0], means[1], ratio, max(apart), differ)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the bench. A missed target stands in the report; it is no error.

    Returns:
        0 when both ways agree, also where data or the model are absent and it was said; 1 when a score or a
        decision differs; 2 when the run could not start or go on.
    """
    options = _parser().parse_args(argv)
    notes = Console(stderr=True)
    rows: list[Row] = []
    status = 0
    try:
        rows += _run(options, notes)
    except NotInstalled as error:
        notes.print(f"nothing to measure: {escape(str(error))}", highlight=False, soft_wrap=True)
    except TersusError as error:
        notes.print(f"[red]error[/red] {escape(f'[{error.code}] {error}')}", highlight=False, soft_wrap=True)
        status = 2
    if options.json:
        sys.stdout.write(json.dumps(_report(options, rows), indent=2, ensure_ascii=False) + "\n")
    elif rows:
        out = Console()
        out = out if out.is_terminal else Console(width=160)
        out.print(_table(rows, options.model))
    return status or (0 if all(row.same for row in rows) else 1)


def _run(options: argparse.Namespace, notes: Console) -> Iterator[Row]:
    found: list[tuple[Part, list[Job]]] = []
    for part in PARTS:
        count = part.count if options.limit is None else options.limit
        try:
            jobs = draw(part, count, data_split=options.split, data_dir=options.data_dir)
        except DataMissing as missing:
            notes.print(escape(f"skipped {part.title}: {missing}"), highlight=False, soft_wrap=True)
            continue
        found += [(part, jobs)] if jobs else []
    if not found:
        notes.print("nothing to measure: no data", highlight=False)
        return
    whole, shared = (
        ExitLLMCompressor(options.model, device=options.device, precision="float32", shared=way)
        for way in (False, True)
    )
    question, passages = found[0][1][0]
    for compressor in (whole, shared):  # loads the model, uncounted
        compressor.score(question, passages[:1])
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=notes, transient=True) as progress:
        bar = progress.add_task("", total=sum(len(jobs) for _, jobs in found))
        for part, jobs in found:
            progress.update(bar, description=escape(part.title))
            yield compare(part, jobs, whole, shared, seed=options.seed, advance=lambda: progress.advance(bar))


def _report(options: argparse.Namespace, rows: Sequence[Row]) -> dict[str, object]:
    torch = sys.modules.get("torch")
    return {
        "model": options.model,
        "device": options.device,
        "threads": None if torch is None else int(torch.get_num_threads()),
        "split": options.split,
        "seed": options.seed,
        "tolerance": TOLERANCE,
        "rows": [{**asdict(row), "met": _met(row), "same": row.same} for row in rows],
    }


def _met(row: Row) -> bool:
    return row.ratio.mean is not None and row.ratio.mean >= row.part.target


def _table(rows: Sequence[Row], model: str) -> Table:
    table = Table(
        title=f"exit-llm with {model}: one whole prompt a sentence, and shared prefixes",
        caption="Mean seconds a job. faster: whole by shared, with its 95% bootstrap interval.\n"
        "max |ΔP|: of any sentence's score. differ: sentences on another side of a threshold 0.1 … 0.9.",
        caption_justify="left",
    )
    table.add_column("part")
    for name in ("n", "sentences", "whole", "shared", "faster", "target", "", "max |ΔP|", "differ"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.part.title,
            str(row.jobs),
            str(row.sentences),
            f"{row.whole:.2f} s",
            f"{row.shared:.2f} s",
            str(row.ratio),
            f"≥ {row.part.target:g}",
            "met" if _met(row) else "missed",
            f"{row.max_delta:.1e}",
            str(row.decisions_differ),
        )
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tersus.eval.bench_exit_llm", description=__doc__)
    usual = ", ".join(f"{part.count} × {part.title}" for part in PARTS)
    parser.add_argument("--limit", type=limit, help=f"jobs of each part (default: {usual})")
    parser.add_argument("--model", default="smollm2", help="alias, hub name or folder (default: smollm2)")
    parser.add_argument("--device", default="auto", help="default: auto")
    parser.add_argument("--split", default="dev", help="default: dev")
    parser.add_argument(
        "--data-dir", help="folder of the data files (default: TERSUS_DATA_DIR, ../shared/data)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default: 0)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


if __name__ == "__main__":
    sys.exit(main())
