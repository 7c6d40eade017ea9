"""The run behind ``tersus.eval.bench_exit``: parts drawn, put to every compressor, and timed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..compressors import Compressor
from .bench_run import Failure
from .data import DataMissing, Example
from .targets import PARTS, Corpus, TargetRow, TimedRow, losses, run_part, time_in_turns, timed_rows
from .targets.peer import PEER, sentence_optimizer
from .targets.timing import compressing, time_target

__all__ = ["SECONDS", "Report", "draw", "run"]

SECONDS = "seconds"
"""The part that takes the time."""
_TIMED_ON = "hotpotqa"


@dataclass
class Report:
    """What was measured so far: filled as the run goes on, so that an error later costs none of it."""

    rows: list[TargetRow] = field(default_factory=list)
    timed: list[TimedRow] = field(default_factory=list)
    timing_failures: list[Failure] = field(default_factory=list)

    def failures(self) -> list[tuple[str, Sequence[Failure]]]:
        """Who failed where, with the failures; nothing for those who did not."""
        found = [(f"{row.compressor} in {row.part.name}", row.failures) for row in self.rows]
        return [(who, failed) for who, failed in [*found, (SECONDS, self.timing_failures)] if failed]

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            "rows": [row.as_dict() for row in self.rows],
            "seconds": [row.as_dict() for row in self.timed],
            "seconds_failures": [asdict(failure) for failure in self.timing_failures],
        }


def draw(
    parts: Sequence[str], corpus: Corpus, *, limit: int | None, timed: int, notes: Console
) -> dict[str, list[Example]]:
    """The questions of each part whose data are here; what is absent is said once, in ``notes``."""
    found: dict[str, list[Example]] = {}
    absent: dict[str, list[str]] = {}
    for name in parts:
        try:
            if name == SECONDS:
                found[name] = corpus.examples(_TIMED_ON)[: timed if limit is None else min(limit, timed)]
            else:
                found[name] = PARTS[name].examples(corpus, limit)
        except DataMissing as missing:
            absent.setdefault(str(missing), []).append(name)
    if not found:
        notes.print(
            f"nothing to measure: {escape(next(iter(absent), 'no part was asked for'))}",
            highlight=False,
            soft_wrap=True,
        )
        return {}
    for message, names in absent.items():
        said = escape(f"{', '.join(names)}: {message}")
        notes.print(f"[yellow]skipped[/yellow] {said}", highlight=False, soft_wrap=True)
    return found


def run(
    report: Report,
    questions: Mapping[str, Sequence[Example]],
    compressors: Mapping[str, Compressor],
    *,
    seed: int,
    lost: TextIO | None,
    notes: Console,
) -> None:
    """Put every part to every compressor. ``lost`` gets, as JSON lines, what the first one lost.

    Raises:
        NotInstalled: a compressor, or the peer, lacks a model or package.
    """
    total = sum(len(some) * (1 if name == SECONDS else len(compressors)) for name, some in questions.items())
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=notes, transient=True) as progress:
        bar = progress.add_task("", total=total)

        def advance(done: int) -> None:
            progress.advance(bar, done)

        for name, examples in questions.items():
            if name == SECONDS:
                progress.update(bar, description=SECONDS)
                contenders = {spec: compressing(c) for spec, c in compressors.items()}
                contenders[PEER] = sentence_optimizer()
                seconds, report.timing_failures = time_in_turns(contenders, examples, advance=advance)
                targets = {spec: time_target(c) for spec, c in compressors.items()}
                report.timed = timed_rows(seconds, PEER, {**targets, PEER: None}, seed=seed)
                continue
            for spec, compressor in compressors.items():
                progress.update(bar, description=escape(f"{name}: {spec}"))
                row = run_part(PARTS[name], compressor, examples, label=spec, seed=seed, advance=advance)
                if lost is not None and spec == next(iter(compressors)):
                    for loss in losses(row, compressor):
                        lost.write(json.dumps(loss, ensure_ascii=False) + "\n")
                report.rows.append(row)
