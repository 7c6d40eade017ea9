"""``python -m tersus.eval.load WHAT``: a service of our own under load, measured."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ...errors import TersusError
from .faults import EXPECTED, database_restarts, kills, upstream_faults
from .soak import soak
from .throughput import measure


def main(argv: Sequence[str] | None = None) -> int:
    """Measure. Returns 0 where the targets are met, 1 where not, 2 where it could not run."""
    options = _parser().parse_args(argv)
    notes = Console(stderr=True, highlight=False)

    def say(text: str) -> None:
        notes.print(text, markup=False, soft_wrap=True)

    with tempfile.TemporaryDirectory(prefix="tersus-load-") as folder:
        home = Path(options.home or folder)
        try:
            found, met = _measured(options, home, say)
        except TersusError as error:
            say(f"error [{error.code}] {error}")
            return 2
    if options.json:
        sys.stdout.write(json.dumps({"figures": found, "met": met}, indent=2) + "\n")
    else:
        _show(options.what, found, met)
    return 0 if all(met.values()) else 1


def _measured(options: argparse.Namespace, home: Path, say: Any) -> tuple[dict[str, Any], dict[str, bool]]:
    if options.what == "throughput":
        done = measure(
            home, compressor=options.compressor, clients=options.clients or 16, requests=options.requests
        )
        return asdict(done), {
            "throughput ≥ 0.95x": done.ratio >= 0.95,
            "overhead ≤ 5 ms": done.overhead_ms <= 5,
        }
    if options.what == "soak":
        run = soak(home, seconds=options.seconds, clients=options.clients or 32, say=say)
        return asdict(run), {
            "no errors other than 429": run.errors == 0 and run.formless == 0,
            "no lost or wrong rows": run.lost == 0 and run.wrong == 0,
            "memory grows < 5%": run.memory_growth < 0.05,
        }
    if options.what == "upstream":
        faults = upstream_faults(home)
        return faults, {fault: _as_expected(faults[fault], status) for fault, status in EXPECTED.items()}
    upset = (
        kills(home, count=options.count)
        if options.what == "kills"
        else database_restarts(home, count=options.count, say=say)
    )
    return upset.as_dict(), {
        "nothing lost or wrong": upset.lost == 0 and upset.wrong == 0,
        "no other errors": upset.errors == 0 and upset.formless == 0,
        "recovers by itself": upset.recovered,
    }


def _as_expected(found: dict[str, Any], status: int) -> bool:
    end = "whole" if status == 200 else "error"
    return all(found[name][0] == status and found[f"{name} stream"][1] == end for name in ("query", "chat"))


def _show(what: str, found: dict[str, Any], met: dict[str, bool]) -> None:
    out = Console(highlight=False, markup=False)
    table = Table(title=what)
    table.add_column("figure")
    table.add_column("value")
    for name, value in found.items():
        table.add_row(name.replace("_", " "), f"{value:.4g}" if isinstance(value, float) else str(value))
    out.print(table)
    for name, good in met.items():
        out.print(f"{'met   ' if good else 'MISSED'} {name}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tersus.eval.load", description=__doc__)
    parser.add_argument(
        "what",
        choices=("throughput", "soak", "upstream", "kills", "database"),
        help="throughput: /v1/compress against the compressor in process; soak: a long mixed load; "
        "upstream: a language model that fails; kills: the service killed under load; "
        "database: PostgreSQL restarted under load",
    )
    parser.add_argument("--compressor", default="exit", help="of throughput (default: exit)")
    parser.add_argument("--clients", type=int, help="at the same time (default: 16; soak: 32)")
    parser.add_argument("--requests", type=int, default=64, help="of each round of throughput (default: 64)")
    parser.add_argument("--seconds", type=float, default=600, help="of soak (default: 600)")
    parser.add_argument("--count", type=int, default=5, help="kills or restarts (default: 5)")
    parser.add_argument("--home", help="the service's folder (default: a temporary one)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
