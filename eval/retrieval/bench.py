"""How well the right documents are found: SciFact's abstracts by embeddings, by words, and by both.

``python -m tersus.eval.retrieval.bench`` ingests the 5,183 abstracts into a fresh collection, asks the 809
judged claims of the train split in each mode, and prints nDCG@10 and recall@100 with 95% bootstrap
intervals. An abstract is one chunk where it fits (``--chunk-tokens 512``, what the embedding model reads),
otherwise several, and ranks by its best one.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress as Bar
from rich.table import Table

from ...rag import Tersus, load_settings
from ...rag.search.options import MODES
from ..bench_options import limit
from ..data_files import DataMissing, data_folder
from ..metrics import Estimate, bootstrap_ci
from .judged import read_judged
from .measure import Measured, ingest, measure

__all__ = ["main", "report"]

_COLLECTION = "scifact"
_TARGET = 0.70


def main(argv: Sequence[str] | None = None) -> int:
    """Ingest, ask, print; 0 also where the data are absent."""
    parser = argparse.ArgumentParser(prog="python -m tersus.eval.retrieval.bench", description=__doc__)
    parser.add_argument("--limit", type=limit, help="questions (default: all)")
    parser.add_argument("--chunk-tokens", type=limit, default=512, help="longest chunk (default: 512)")
    parser.add_argument("--home", type=Path, help="folder to ingest into and keep (default: a temporary one)")
    parser.add_argument("--data-dir", help="folder of the data (default: TERSUS_DATA_DIR, ../shared/data)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(argv)
    notes = Console(stderr=True)
    try:
        judged = read_judged(data_folder(options.data_dir) / _COLLECTION, limit=options.limit)
    except DataMissing as error:
        notes.print(f"skipped: {error}", highlight=False)
        return 0
    with ExitStack() as stack:
        home = options.home or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tersus-bench-")))
        settings = load_settings(home=home, chunk_tokens=options.chunk_tokens)
        # Beside a database of the user's own, the bench's collection has no place.
        settings = settings.model_copy(update={"database_url": None})
        tersus = stack.enter_context(Tersus(settings))
        bar = stack.enter_context(Bar(console=notes, transient=True))
        task = bar.add_task("ingesting", total=len(judged.documents))
        sizes = ingest(tersus, judged, _COLLECTION, lambda now: bar.update(task, completed=now.done))
        task = bar.add_task("asking", total=len(MODES) * len(judged.questions))
        rows = [
            measure(tersus, judged, _COLLECTION, mode, sizes, lambda asked: bar.advance(task, asked))
            for mode in MODES
        ]
        model = tersus.settings.embedding_model
    found = report(rows, sizes, model)
    if options.json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        _print(found)
    return 0


def report(rows: Sequence[Measured], sizes: tuple[int, int], model: str) -> dict[str, Any]:
    """The figures: of each mode, and of hybrid less each of the others, question by question."""
    hybrid = next(row for row in rows if row.mode == "hybrid")
    means = {row.mode: bootstrap_ci(row.ndcg) for row in rows}
    best = max(means[mode].mean or 0.0 for mode in means if mode != "hybrid")
    reached = means["hybrid"].mean or 0.0
    return {
        "questions": len(hybrid.ndcg),
        "documents": sizes[0],
        "chunks": sizes[1],
        "embedding_model": model,
        "modes": {
            row.mode: {
                "ndcg@10": _dict(means[row.mode]),
                "recall@100": _dict(bootstrap_ci(row.recall)),
                "milliseconds": 1000 * row.seconds,
            }
            for row in rows
        },
        "hybrid_less": {
            row.mode: _dict(
                bootstrap_ci(
                    None if a is None or b is None else a - b
                    for a, b in zip(hybrid.ndcg, row.ndcg, strict=True)
                )
            )
            for row in rows
            if row.mode != "hybrid"
        },
        "target": {"ndcg@10": _TARGET, "met": reached >= _TARGET and reached > best},
    }


def _dict(estimate: Estimate) -> dict[str, float | None]:
    return {"mean": estimate.mean, "low": estimate.low, "high": estimate.high}


def _print(found: dict[str, Any]) -> None:
    console = Console()
    table = Table("mode", "nDCG@10", "95%", "recall@100", "95%", "ms a question", "hybrid less it, nDCG@10")
    for mode, row in found["modes"].items():
        less = found["hybrid_less"].get(mode)
        cells = [mode]
        for name in ("ndcg@10", "recall@100"):
            cells += [f"{row[name]['mean']:.3f}", _interval(row[name])]
        cells += [f"{row['milliseconds']:.1f}", f"{less['mean']:+.3f} ({_interval(less)})" if less else ""]
        table.add_row(*cells)
    table.title = f"SciFact: {found['documents']:,} abstracts, {found['questions']} claims"
    console.print(table)
    met = "met" if found["target"]["met"] else "missed"
    console.print(f"hybrid nDCG@10 of at least {found['target']['ndcg@10']} and above both alone: {met}")


def _interval(estimate: dict[str, float | None]) -> str:
    low, high = estimate["low"], estimate["high"]
    return "" if low is None or high is None else f"{low:.3f} to {high:.3f}"


if __name__ == "__main__":
    sys.exit(main())
