"""``python -m tersus.eval.runs.interrupt``: a run killed at 20 random moments, and the same run in one go."""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from .errors import RunMissing
from .run import open_run
from .spec import read_spec

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Compare. Returns 0 where both runs' results are the same bytes, 1 where they are not."""
    parser = argparse.ArgumentParser(prog="python -m tersus.eval.runs.interrupt", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="TOML file that describes the run")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)  # the process that is killed
    options = parser.parse_args(argv)
    if options.work is not None:
        _run(options.config, options.work, options.workers)
        return 0
    draw = random.Random(options.seed)  # noqa: S311 - a draw, no secret
    with tempfile.TemporaryDirectory() as folder:
        whole, broken = Path(folder) / "whole", Path(folder) / "broken"
        started = time.perf_counter()
        _start(options, whole).wait()
        seconds = time.perf_counter() - started
        if not (whole / "results.jsonl").exists():
            raise RunMissing("the run in one go did not finish", hint="see the error above")
        killed = 0
        for number in range(options.kills):
            process = _start(options, broken)
            try:
                process.wait(draw.uniform(0.3, 1.0) * seconds / options.kills + 0.6 * draw.random() * seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                killed += 1
            sys.stderr.write(f"kill {number + 1}: {_done(broken)} units on disk\n")
            if (broken / "results.jsonl").exists():  # it was through: kill a fresh one from here on
                if _same(whole, broken):
                    _clear(broken)
                else:
                    break
        _start(options, broken).wait()
        same = _same(whole, broken)
    sys.stdout.write(f"{killed} kills, results {'the same, byte for byte' if same else 'DIFFERENT'}\n")
    return 0 if same else 1


def _run(config: Path, folder: Path, workers: int) -> None:
    with open_run(folder, read_spec(config), workers=workers) as opened:
        opened.execute()


def _start(options: argparse.Namespace, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tersus.eval.runs.interrupt", "--config", str(options.config)]
    return subprocess.Popen([*command, "--workers", str(options.workers), "--work", str(folder)])  # noqa: S603


def _done(folder: Path) -> int:
    journal = folder / "journal.jsonl"
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def _same(one: Path, other: Path) -> bool:
    return (one / "results.jsonl").read_bytes() == (other / "results.jsonl").read_bytes()


def _clear(folder: Path) -> None:
    for name in ("journal.jsonl", "results.jsonl", "timings.jsonl"):
        (folder / name).unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
