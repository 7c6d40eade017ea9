"""A domain that no training has seen: biomedical abstracts of SciFact, ranked for a claim.

``python -m tersus.eval.exit.unseen`` puts the abstracts nearest to a claim by BM25 in order again, by the
classifier's passage score and by its best sentence, beside similarity and BM25 itself.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from ...compressors import Candidates, load_compressor
from ...compressors.exit import ExitCompressor
from ..bench_options import limit
from ..calibrate import extractive
from ..data import DataMissing, EvalPassage, Example, to_passages
from ..data_files import data_folder
from ..metrics import bootstrap_ci
from ..targets.pool import Pool
from ..targets.ranking import reciprocal_rank

__all__ = ["claims", "main"]


def claims(folder: Path, candidates: int, count: int | None = None) -> list[tuple[Example, list[int]]]:
    """Claims with their ``candidates`` nearest abstracts in BM25's order, and which of them are relevant.

    Claims of which no relevant abstract is among the nearest are left out: no order can help them.

    Raises:
        DataMissing: the files are not in ``folder``.
    """
    files = [folder / name for name in ("corpus.jsonl.gz", "queries.train.jsonl.gz", "qrels.train.tsv")]
    if missing := [file for file in files if not file.is_file()]:
        raise DataMissing(f"{missing[0]} is not there", hint="give the folder of the data: --data-dir")
    documents = {d["_id"]: EvalPassage(d["text"], d["title"]) for d in _lines(files[0])}
    relevant = defaultdict(set)
    for line in files[2].read_text(encoding="utf-8").splitlines()[1:]:
        claim, document, grade = line.split("\t")
        if int(grade) > 0:
            relevant[claim].add(documents[document].text)
    pool = Pool([Example("", "", (), tuple(documents.values()), "scifact")])
    found: list[tuple[Example, list[int]]] = []
    for query in _lines(files[1]):
        asked = Example(query["_id"], query["text"], (), (), "scifact")
        near = pool.nearest(asked, candidates)
        right = [i for i, passage in enumerate(near) if passage.text in relevant[query["_id"]]]
        if right:
            found.append((Example(asked.id, asked.question, (), tuple(near), "scifact"), right))
        if len(found) == count:
            break
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Rank, print; 0 also where the data are absent."""
    parser = argparse.ArgumentParser(prog="python -m tersus.eval.exit.unseen", description=__doc__)
    parser.add_argument("--model", default="shipped", help="weights of exit (default: the shipped ones)")
    parser.add_argument("--candidates", type=limit, default=20, help="abstracts a claim (default: 20)")
    parser.add_argument("--limit", type=limit, default=100, help="claims (default: 100)")
    parser.add_argument("--data-dir", help="folder of the data (default: TERSUS_DATA_DIR, ../shared/data)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(argv)
    notes = Console(stderr=True)
    try:
        asked = claims(data_folder(options.data_dir) / "scifact", options.candidates, options.limit)
    except DataMissing as error:
        notes.print(f"skipped: {error}", highlight=False)
        return 0
    trained = ExitCompressor(options.model)
    similar = extractive(load_compressor("similarity"))
    values: dict[str, list[float | None]] = defaultdict(list)
    for example, right in track(asked, "ranking", console=notes, transient=True):
        passages = to_passages(example)
        scores = {
            "BM25": [-float(i) for i in range(len(passages))],
            "similarity, best sentence": _best(similar.score(example.question, passages)),
            "exit, passage score": trained.rerank(example.question, passages),
            "exit, best sentence": _best(trained.score(example.question, passages)),
        }
        for name, one in scores.items():
            values[name].append(reciprocal_rank(one, right))
    rows = {name: bootstrap_ci(ranks) for name, ranks in values.items()}
    if options.json:
        found = {name: {"mrr": r.mean, "low": r.low, "high": r.high} for name, r in rows.items()}
        sys.stdout.write(json.dumps({"claims": len(asked), "mrr": found}, indent=2) + "\n")
        return 0
    table = Table("order", "MRR", "95%", title=f"SciFact, never trained on: {len(asked)} claims")
    for name, r in rows.items():
        table.add_row(name, f"{r.mean:.3f}", f"{r.low:.3f}–{r.high:.3f}")
    Console().print(table)
    return 0


def _best(candidates: Candidates) -> list[float]:
    return [max((span.score for span in spans), default=-math.inf) for spans in candidates]


def _lines(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


if __name__ == "__main__":
    sys.exit(main())
