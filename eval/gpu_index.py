"""``python -m tersus.eval.gpu_index``: the index on a GPU against the CPU, in the same run.

Draws clustered vectors (10^7 x 384 by default: 64 GB of memory), learns the clustering on both, builds each
kind on the CPU, and searches it on both. Prints a table; with ``--out docs/gpu-index`` it also writes
``docs/gpu-index.md`` and ``docs/gpu-index.json`` with date, card and command.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from shutil import which
from typing import Any

from rich.console import Console
from rich.markup import escape

from ..errors import TersusError
from ..indexes.device import choose
from ..indexes.faiss_lib import faiss
from .gpu_index_run import Kind, KMeans, Plan, factors, measure

__all__ = ["main", "report", "table"]

TARGET = 20.0
"""By what factor the card is to be faster, at k-means and at queries."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run it.

    Returns:
        0 when it ran, targets met or missed, and where there is no card, which is said; 2 when it could not
        start or go on.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    options = _parser().parse_args(given)
    notes = Console(stderr=True)
    try:
        values = {field.name: getattr(options, field.name) for field in fields(Plan)}
        plan = Plan(**{**values, "kinds": tuple(options.kinds.split(","))})
        device, reason = choose(plan.device)
        if device == "cpu":
            hint = "pip uninstall -y faiss-cpu; pip install 'tersus[gpu]', and tersus doctor"
            notes.print(
                f"nothing to measure: {escape(f'{reason} ({hint})')}", highlight=False, soft_wrap=True
            )
            return 0
        figures = list(measure(plan, lambda what: notes.print(escape(what), highlight=False)))
        made = report(plan, figures, device, given)
        text = table(made)
        if options.out is not None:
            _write(options.out, made, text)
    except (TersusError, OSError, MemoryError) as error:
        said = str(error) or "there is not enough memory: give a smaller --count"
        notes.print(f"[red]error[/red] {escape(said)}", highlight=False, soft_wrap=True)
        return 2
    sys.stdout.write(json.dumps(made, indent=2) + "\n" if options.json else text)
    return 0


def report(plan: Plan, figures: Sequence[KMeans | Kind], device: str, argv: Sequence[str]) -> dict[str, Any]:
    """All figures with date, card and command, for JSON."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "card": _card(device),
        "processor": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "faiss": f"{faiss().__version__} {faiss().get_compile_options().strip()}",
        "command": shlex.join(["python", "-m", "tersus.eval.gpu_index", *argv]),
        "plan": asdict(plan),
        "kmeans": [asdict(one) for one in figures if isinstance(one, KMeans)],
        "kinds": [asdict(one) for one in figures if isinstance(one, Kind)],
        "factors": factors(figures),
        "target": TARGET,
    }


def table(made: dict[str, Any]) -> str:
    """The report as Markdown."""
    plan = made["plan"]
    lines = [
        f"# The index on a GPU: {plan['count']:,} x {plan['dimension']} clustered vectors",
        "",
        f"{made['date']}, {made['card']}; {made['processor']}; FAISS {made['faiss']}.",
        f"Queries a second in batches of {plan['batch']}, and of {plan['threads']} threads that ask one at a "
        "time; recall of the ten nearest.",
        "",
        f"    {made['command']}",
        "",
        "| k-means | CPU | GPU | faster | mean cosine CPU / GPU |",
        "|---|---|---|---|---|",
    ]
    for one in made["kmeans"]:
        lines.append(
            f"| {one['lists']:,} centroids of {one['sample']:,} vectors | {one['cpu_seconds']:.1f} s | "
            f"{one['gpu_seconds']:.1f} s | {_verdict(made, 'k-means')} | "
            f"{one['cpu_cosine']:.4f} / {one['gpu_cosine']:.4f} |"
        )
    lines += [
        "",
        "| kind (effort) | build on CPU | copy | GPU memory | recall CPU / GPU | batches CPU | GPU | faster "
        "| alone CPU | GPU |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in made["kinds"]:
        lines.append(
            f"| {one['kind']} ({one['effort'] or 'exact'}) | {one['build_seconds']:.1f} s | "
            f"{one['copy_seconds']:.1f} s | {one['gpu_bytes'] / 1e9:.2f} GB | "
            f"{one['cpu_recall']:.3f} / {one['gpu_recall']:.3f} | {one['cpu']:,.0f} | {one['gpu']:,.0f} | "
            f"{_verdict(made, one['kind'])} | {one['cpu_alone']:,.0f} | {one['gpu_alone']:,.0f} |"
        )
    lines += [f"\n{one['kind']}: the CPU served, {one['reason']}." for one in made["kinds"] if one["reason"]]
    return "\n".join(lines) + "\n"


def _verdict(made: dict[str, Any], name: str) -> str:
    factor = made["factors"].get(name)
    if factor is None:
        return "–"
    return f"{factor:.1f}x ({'met' if factor >= made['target'] else 'missed'}: ≥ {made['target']:g}x)"


def _card(device: str) -> str:
    """The card's name, memory and driver by nvidia-smi; its number where that is not there."""
    number = device.partition(":")[2]
    program = which("nvidia-smi")
    if program is None:
        return f"GPU {number}"
    asked = [
        program,
        f"--id={number}",
        "--query-gpu=name,memory.total,driver_version",
        "--format=csv,noheader",
    ]
    told = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - ours
    return told.stdout.strip() or f"GPU {number}"


def _write(out: Path, made: dict[str, Any], text: str) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".json").write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    out.with_suffix(".md").write_text(text, encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tersus.eval.gpu_index",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    usual = Plan()
    for name, kind, what in (
        ("count", int, "vectors"),
        ("dimension", int, "their components"),
        ("lists", int, "centroids; 0: by the number of vectors"),
        ("queries", int, "queries drawn"),
        ("truth", int, "queries whose true neighbours are found"),
        ("batch", int, "queries in one call"),
        ("threads", int, "callers that ask one query at a time"),
        ("seconds", float, "of searching for each figure of speed"),
        ("device", str, "cuda or cuda:N"),
        ("gpu-memory-mb", int, "most of the card's memory for a copy, in MiB; 0: any"),
        ("seed", int, "of vectors and k-means"),
    ):
        default = getattr(usual, name.replace("-", "_"))
        parser.add_argument(f"--{name}", type=kind, default=default, help=f"{what} (default: {default})")
    parser.add_argument("--kinds", default=",".join(usual.kinds), help=f"default: {','.join(usual.kinds)}")
    parser.add_argument("--out", type=Path, help="write OUT.md and OUT.json, too, such as docs/gpu-index")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    return parser


if __name__ == "__main__":
    sys.exit(main())
