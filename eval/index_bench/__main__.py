"""``python -m tersus.eval.index_bench``: index kinds measured, bare FAISS and other libraries beside."""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ...errors import InvalidInput, TersusError
from ...indexes import create_index
from ...indexes.ann import AnnIndex
from ..bench_options import limit, names, parse_spec
from ..data_files import DataMissing
from .libraries import PEERS, load_library
from .material import Material, make
from .real import embedded, sentences
from .run import Report, Settings, run
from .show import print_report
from .vectors import Clustered
from .verdicts import verdicts

__all__ = ["KINDS", "main"]

KINDS = ("flat", "hnsw", "ivf-flat", "ivf-sq8", "ivf-pq")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the bench. A missed target stands in the report; it is no error.

    Returns:
        0, also where peers or real vectors are absent and it was said; 1 when a kind could not be measured;
        2 when the run could not start.
    """
    options = _parser().parse_args(argv)
    notes, report = Console(stderr=True), Report([], [], [])
    settings = Settings(
        options.batch, options.threads, options.rounds, options.seconds, options.limit_seconds
    )
    try:
        specs = [(text, *parse_spec(text)) for text in options.kinds]
        for _, kind, given in specs:
            create_index(kind, options.dimension, **given)  # a wrong name or option is told before the work
        peers = _present(options.peers, notes)
        with _folder(options.folder) as folder, _progress(notes) as bar:
            task = bar.add_task("vectors", total=None)
            materials = _materials(options, folder, bar, task)
            bar.reset(task, total=len(materials) * (len(specs) + len(peers)))
            report = run(
                specs, peers, materials, settings,
                lambda stage: bar.update(task, description=escape(stage)), lambda: bar.advance(task),
            )  # fmt: skip
        judged = verdicts(report.rows, options.batch)
        if options.json:
            Path(options.json).write_text(json.dumps(_json(options, report, judged), indent=2), "utf-8")
    except DataMissing as error:
        notes.print(f"skipped: {error}", highlight=False, soft_wrap=True)
        return 0
    except TersusError as error:
        notes.print(f"[red]error[/red] {escape(f'[{error.code}] {error}')}", highlight=False, soft_wrap=True)
        return 2
    out = Console()
    out = out if out.is_terminal else Console(width=220)
    out.print(escape(_machine_line()), highlight=False, soft_wrap=True)
    print_report(out, report, judged)
    return 1 if report.skipped else 0


def _materials(options: argparse.Namespace, folder: Path, bar: Progress, task: Any) -> list[Material]:
    if not options.real:
        found = []
        for count in options.counts:
            bar.update(task, description=f"{count:,} vectors and their true neighbours")
            source = Clustered(options.dimension, options.seed)
            law = hashlib.sha256(repr((source, options.k)).encode()).hexdigest()[:8]
            name = f"{count}x{options.dimension}-seed{options.seed}-{law}"
            found.append(make(folder / name, source, count, options.k))
        return found
    texts = sentences(options.data_dir)
    bar.update(task, total=len(texts), description="embedding")
    vectors = embedded(texts, folder / "scifact.npy", advance=lambda done: bar.advance(task, done))
    spare = len(vectors) - 512 - 1024 - 1250
    counts = [count for count in options.counts if count <= spare] or [math.floor(spare / 1000) * 1000]
    return [make(folder / f"scifact-{count}-k{options.k}", vectors, count, options.k) for count in counts]


def _present(peers: Sequence[str], notes: Console) -> list[str]:
    """The peers that are installed; of the others it is said."""
    found = []
    for name in peers:
        try:
            load_library(name, 2, 1, 2, 2)
            found.append(name)
        except TersusError as error:
            notes.print(escape(f"skipped: {error}"), highlight=False, soft_wrap=True)
    return found


@contextmanager
def _folder(named: str | None) -> Iterator[Path]:
    """The folder named, made where it is not there; else one that is gone afterwards."""
    if named is None:
        with tempfile.TemporaryDirectory(prefix="tersus-bench-") as folder:
            yield Path(folder)
        return
    try:
        Path(named).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"{named} cannot be made: {error.strerror}", hint="name another folder") from error
    yield Path(named)


def _progress(notes: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=notes, transient=True)


def _machine() -> dict[str, Any]:
    import torch

    from ..exit.outcome import hardware

    found = hardware(torch.device("cpu"))
    for package in ("faiss-cpu", "faiss-gpu-cu12", "numpy", *PEERS):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return {name: value for name, value in found.items() if name not in ("threads", "torch")}


def _machine_line() -> str:
    return ", ".join(f"{name} {value}" for name, value in _machine().items())


def _json(options: argparse.Namespace, report: Report, judged: Sequence[Any]) -> dict[str, Any]:
    return {
        "machine": _machine(),
        "options": vars(options),
        "vectors": None if options.real else Clustered(options.dimension, options.seed).as_dict(),
        "kinds": [row.as_dict() for row in report.rows],
        "peers": [peer.as_dict() for peer in report.peers],
        "targets": [verdict.as_dict() for verdict in judged],
        "skipped": report.skipped,
    }


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(limit(part) for part in names(text))


def _counts(text: str) -> tuple[int, ...]:
    found = _numbers(text)
    if min(found) <= AnnIndex.few:  # those are compared one by one by every kind
        raise argparse.ArgumentTypeError(f"more than {AnnIndex.few} vectors are needed, got {text}")
    return found


def _peers(text: str) -> list[str]:
    found = [] if text == "none" else names(text)
    if unknown := [name for name in found if name not in PEERS]:
        raise argparse.ArgumentTypeError(f"there is no peer {unknown[0]!r}; there are: {', '.join(PEERS)}")
    return found


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not (math.isfinite(found) and found > 0):
        raise argparse.ArgumentTypeError(f"a number above 0 is needed, got {text!r}")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tersus.eval.index_bench", description=__doc__)
    add = parser.add_argument
    add("--counts", type=_counts, default=(100_000, 1_000_000), help="vectors (default: 100000,1000000)")
    add("--dimension", type=limit, default=384, help="of synthetic vectors (default: 384)")
    add("--kinds", type=names, default=list(KINDS), metavar="KIND:OPTION=VALUE,...",
        help=f"kinds with their options (default: {','.join(KINDS)})")  # fmt: skip
    add("--k", type=limit, default=10, help="neighbours (default: 10)")
    add("--batch", type=limit, default=32, help="queries asked at once (default: 32)")
    add("--threads", type=_numbers, default=(1, 2), help="default: 1,2; the most of them build")
    add("--peers", type=_peers, default=list(PEERS), help=f"none, or of {','.join(PEERS)} (default: all)")
    add("--seed", type=int, default=0, help="of the synthetic vectors (default: 0)")
    add("--real", action="store_true", help="embeddings of SciFact's sentences instead (skips without them)")
    add("--data-dir", help="folder of the data files (default: TERSUS_DATA_DIR, ../shared/data)")
    add("--rounds", type=limit, default=5, help="over all batches, at most (default: 5)")
    add("--seconds", type=_seconds, default=20.0, help="of each comparison, about, at most (default: 20)")
    add("--limit-seconds", type=_seconds, default=3600.0, help="of each process (default: 3600)")
    add("--folder", help="keep vectors and figures there; a second run with the same options goes on")
    add("--json", metavar="FILE", help="write the figures there, too")
    return parser


if __name__ == "__main__":
    sys.exit(main())
