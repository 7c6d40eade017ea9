"""Kill an ingest at random moments, and compare what is left with a clean one.

``python -m tersus.eval.crash --kills 10``: a child process ingests Python's language
reference into an empty home and is killed with SIGKILL; the home is then looked at,
the ingest run again, and its documents, chunks and vectors compared with a clean run's.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["Kill", "main", "run"]

_CHILD = (
    "from tersus.rag import Tersus\n"
    "from tersus.rag.ingest.topics import python_topics\n"
    "with Tersus() as tersus:\n"
    "    tersus.ingester.ingest_documents(python_topics(), 'demo')\n"
)


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill: when, what was stored then (all of it whole?), and what a second run made of it."""

    seconds: float
    documents: int
    chunks: int
    whole: bool
    chunks_after: int
    vectors_after: int
    equal: bool


def _state(home: Path) -> tuple[dict[str, list[tuple[int, int, str]]], set[int], set[int]]:
    """Chunks by document, ids of the chunks in SQL, and ids in the index brought level with it."""
    from sqlalchemy import select

    from ..rag import Settings
    from ..rag.index_store import IndexStore
    from ..rag.ledger import CollectionRepository, Database, schema
    from ..rag.ledger.tables import Chunk, Document

    settings = Settings(home=home)
    database = Database(settings.resolved_database_url)
    try:
        schema.ready(database, embedded=True)
        with database.session() as session:
            if CollectionRepository(session).get("demo") is None:
                return {}, set(), set()
            chunks: dict[str, list[tuple[int, int, str]]] = {
                external_id: [] for external_id in session.scalars(select(Document.external_id))
            }
            rows = session.execute(
                select(Document.external_id, Chunk.id, Chunk.start, Chunk.end, Chunk.text)
                .join(Document, Document.id == Chunk.document_id)
                .order_by(Document.external_id, Chunk.position)
            ).all()
        for external_id, _, start, end, text in rows:
            chunks[external_id].append((start, end, text))
        _, index = IndexStore(settings.index_folder, database).open("demo")
        return chunks, {row[1] for row in rows}, set(index.ids().tolist())
    finally:
        database.close()


def _ingest(home: Path, kill_after: float | None = None) -> float:
    """Run the child; returns the seconds it ran. It must succeed unless it was killed."""
    import os

    started = time.perf_counter()
    child = subprocess.Popen(  # noqa: S603 - our own code, our own interpreter
        [sys.executable, "-c", _CHILD],
        env={**os.environ, "TERSUS_HOME": str(home)},
        stderr=subprocess.PIPE,
    )
    try:
        _, problems = child.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
        child.communicate()
        return time.perf_counter() - started
    if child.returncode:
        raise RuntimeError(problems.decode(errors="replace"))
    return time.perf_counter() - started


def run(kills: int, seed: int) -> tuple[list[Kill], dict[str, Any]]:
    """``kills`` kills, each of an ingest into an empty home, and the clean run they are compared with."""
    random_moment = random.Random(seed)  # noqa: S311 - moments, not secrets
    with tempfile.TemporaryDirectory() as folder:
        duration = _ingest(Path(folder) / "clean")
        clean, ids, vectors = _state(Path(folder) / "clean")
        reference = {
            "seconds": duration, "documents": len(clean), "chunks": len(ids), "vectors": len(vectors)
        }  # fmt: skip
        sys.stderr.write(f"clean ingest: {len(clean)} documents, {len(ids)} chunks in {duration:.1f} s\n")
        done = []
        for number in range(1, kills + 1):
            home = Path(folder) / str(number)
            moment = random_moment.uniform(0, duration)
            ran = _ingest(home, moment)
            found, found_ids, found_vectors = _state(home)
            whole = (
                all(chunks == clean[name] for name, chunks in found.items()) and found_ids == found_vectors
            )
            _ingest(home)
            after, after_ids, after_vectors = _state(home)
            equal = after == clean and after_ids == after_vectors
            kill = Kill(ran, len(found), len(found_ids), whole, len(after_ids), len(after_vectors), equal)
            done.append(kill)
            sys.stderr.write(f"kill {number} of {kills}: {kill}\n")
    return done, reference


def main(arguments: list[str] | None = None) -> int:
    """The command; returns 1 if anything was lost or differs."""
    parser = argparse.ArgumentParser(prog="python -m tersus.eval.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=10, help="how many (default: 10)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    options = parser.parse_args(arguments)
    kills, reference = run(options.kills, options.seed)
    good = sum(kill.whole and kill.equal for kill in kills)
    if options.json:
        sys.stdout.write(
            json.dumps({"clean": reference, "kills": [asdict(k) for k in kills]}, indent=2) + "\n"
        )
    else:
        from rich.console import Console
        from rich.table import Table

        table = Table(
            "killed after", "documents", "chunks", "whole", "chunks then", "vectors then", "as clean"
        )
        for kill in kills:
            yes = ["yes" if value else "NO" for value in (kill.whole, kill.equal)]
            table.add_row(
                f"{kill.seconds:.1f} s", str(kill.documents), str(kill.chunks), yes[0],
                str(kill.chunks_after), str(kill.vectors_after), yes[1],
            )  # fmt: skip
        console = Console()
        console.print(table)
        console.print(
            f"{good} of {len(kills)} kills left whole documents, and the next run what a clean one gives"
        )
    return 0 if good == len(kills) else 1


if __name__ == "__main__":
    raise SystemExit(main())
