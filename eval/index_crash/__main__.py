"""``python -m tersus.eval.index_crash``: kill -9 in the middle of add, remove, rebuild and snapshot.

One home lives through all kills. After each the next process opens it, as a service starts again, and
everything is compared: documents that were said to be stored or deleted, the index's ids with SQL's, vectors
with what they must be, neighbours with brute force.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from .look import Left, look
from .work import CHUNKS, fill

__all__ = ["Kill", "main", "run"]

_LIMIT = 5.0  # seconds of a start


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill ``moment`` seconds after the process was ready, and what was found.

    ``doing``: what it had begun and not said to be done; ``start``: the seconds it had taken to open the
    home as the kill before had left it; ``forgotten``: documents that were done and are not there, or the
    reverse.
    """

    moment: float
    doing: str
    start: float
    forgotten: int
    left: Left

    @property
    def survived(self) -> bool:
        """Whether nothing was lost and no neighbour is wrong."""
        return not (self.forgotten or self.left.lost or self.left.wrong)


def run(
    home: Path,
    documents: int,
    kills: int,
    seed: int,
    seconds: float,
    advance: Callable[[], None] = lambda: None,
) -> list[Kill]:
    """Fill ``home`` with ``documents`` and kill so many times, at most ``seconds`` after a start."""
    fill(home, documents)
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    there = dict.fromkeys(range(documents), 0)
    found = []
    for number in range(kills):
        moment = chance.uniform(0, seconds)
        lines = _killed(home, seed * 10_000 + number + 1, documents, moment)
        allowed = _after(there, lines)
        left = look(home, there, number)
        forgotten = sum(left.documents.get(n) not in allowed[n] for n in allowed)
        forgotten += len(left.documents.keys() - allowed.keys())
        there = left.documents
        start = float(lines[0].split()[1])
        last = lines[-1].split()
        doing = last[1] if last[0] == "begin" else "between changes"
        found.append(Kill(moment, doing, start, forgotten, left))
        advance()
    return found


def _killed(home: Path, seed: int, documents: int, moment: float) -> list[str]:
    """The lines that a process said before it was killed, ``moment`` seconds after the first."""
    program = "import sys; from tersus.eval.index_crash.work import work; work(*sys.argv[1:])"
    command = [sys.executable, "-P", "-c", program, str(home), str(seed), str(documents)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own words
        assert process.stdout is not None  # noqa: S101 - a pipe
        lines = [process.stdout.readline()]
        timer = threading.Timer(moment, process.send_signal, [signal.SIGKILL])
        timer.start()
        lines += process.stdout.readlines()
        timer.cancel()
        process.kill()
    if not lines[0].startswith("ready") or process.wait() != -signal.SIGKILL:
        raise SystemExit(f"the process that was to be killed ended by itself: {lines[-1]}")
    return [line.strip() for line in lines if line.endswith("\n")]


def _after(there: dict[int, int], lines: Sequence[str]) -> dict[int, set[int | None]]:
    """What each document may be now: what was done is done, what was only begun may be or not."""
    allowed: dict[int, set[int | None]] = {number: {version} for number, version in there.items()}
    for line in lines:
        word, *rest = line.split()
        if word not in ("begin", "done") or rest[0] not in ("put", "delete"):
            continue
        number, new = int(rest[1]), (int(rest[2]) if rest[0] == "put" else None)
        before: set[int | None] = allowed.get(number, {None}) if word == "begin" else set()
        allowed[number] = before | {new}
    return allowed


def main(argv: Sequence[str] | None = None) -> int:
    """Kill, look, print. Returns 1 when anything was lost or wrong or a start took 5 s, else 0."""
    options = _parser().parse_args(argv)
    notes = Console(stderr=True)
    columns = (TextColumn("kills"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        tempfile.TemporaryDirectory(prefix="tersus-index-crash-") as home,
        Progress(*columns, console=notes, transient=True) as bar,
    ):
        work = bar.add_task("", total=options.kills)
        documents = max(1, options.count // CHUNKS)
        kills = run(
            Path(home), documents, options.kills, options.seed, options.seconds, lambda: bar.advance(work)
        )
    if options.json:
        told = [asdict(kill) for kill in kills]
        for one in told:
            one["left"]["documents"] = len(one["left"]["documents"])
        report = {"count": options.count, "seed": options.seed, "kills": told}
        sys.stdout.write(json.dumps(report, indent=1) + "\n")
    else:
        _print(kills, options.count)
    slowest = max(kill.start for kill in kills)
    return 0 if all(kill.survived for kill in kills) and slowest < _LIMIT else 1


def _print(kills: Sequence[Kill], count: int) -> None:
    out = Console()
    out = out if out.is_terminal else Console(width=120)
    table = Table(title=f"kill -9 of a process that changes an index of {count:,} vectors")
    for name in ("Killed while", "Kills", "Documents forgotten", "Chunks lost", "Neighbours wrong"):
        table.add_column(name, justify="left" if name == "Killed while" else "right")
    for doing in sorted({kill.doing for kill in kills}):
        some = [kill for kill in kills if kill.doing == doing]
        sums = (sum(getattr(k.left, name) for k in some) for name in ("lost", "wrong"))
        table.add_row(doing, str(len(some)), str(sum(k.forgotten for k in some)), *map(str, sums))
    out.print(table)
    starts = sorted(kill.start for kill in kills)
    kinds = ", ".join(f"{kind} {n}" for kind, n in Counter(kill.left.kind for kill in kills).most_common())
    out.print(
        f"{sum(kill.survived for kill in kills)} of {len(kills)} kills: nothing lost, nothing wrong. Starts: "
        f"median {starts[len(starts) // 2]:.2f} s, slowest {starts[-1]:.2f} s (target: under {_LIMIT:g}). "
        f"Least recall@10 of a start: {min(kill.left.recall for kill in kills):.2f}. Kinds: {kinds}.",
        highlight=False,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tersus.eval.index_crash",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kills", type=int, default=20, help="how many (default: 20)")
    parser.add_argument("--count", type=int, default=20_000, help="vectors (default: 20000)")
    parser.add_argument("--seconds", type=float, default=4.0, help="a process lives at most (default: 4)")
    parser.add_argument("--seed", type=int, default=0, help="of moments and changes (default: 0)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


if __name__ == "__main__":
    sys.exit(main())
