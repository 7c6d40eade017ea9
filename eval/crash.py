"""``python -m tersus.eval.crash``: kill a real ingest again and again, and see what is left of it."""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..errors import TersusError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..rag import Tersus

__all__ = ["CrashProblem", "Found", "Kill", "ingest", "look", "main", "run"]

COLLECTION = "demo"
_READY = "ready"
_SAME_VECTOR = 1e-4  # a text's vector differs in the last digits with the texts it shares a batch with


class CrashProblem(TersusError):
    """The ingest that is to be killed does not even run undisturbed."""

    code = "crash_check_failed"


@dataclass(frozen=True)
class Found:
    """What a home holds: each document with its chunks, the chunks' vectors, and the index.

    ``documents``: external id to what is compared; ``vectors``: ``[chunks, dimension]`` in the order of
    documents and chunks; ``level``: whether the saved index holds exactly the chunks' ids; ``problem``:
    what contradicts itself, if anything does.
    """

    documents: dict[str, tuple[Any, ...]]
    vectors: NDArray[np.float32]
    in_index: int
    level: bool
    problem: str | None

    @property
    def chunks(self) -> int:
        """Chunks of all documents."""
        return sum(len(document[-1]) for document in self.documents.values())


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill, ``moment`` seconds after the ingest began, and what was found then and after a re-run."""

    moment: float
    killed: bool
    documents_left: int
    chunks_left: int
    whole: bool
    documents: int
    chunks: int
    vectors: int
    equal: bool
    problem: str | None

    @property
    def survived(self) -> bool:
        """Whether nothing was torn, and the re-run came to what an undisturbed ingest comes to."""
        return self.whole and self.equal


def main(argv: Sequence[str] | None = None) -> int:
    """Kill, re-run, compare, print.

    Returns:
        0 when every re-run came to the clean state; 1 when one did not; 2 when nothing could be run.
    """
    options = _parser().parse_args(argv)
    notes = Console(stderr=True)
    kills: list[Kill] = []
    clean: Found | None = None
    seconds = 0.0
    try:
        for result in run(options.kills, options.seed, notes):
            if isinstance(result, Kill):
                kills.append(result)
            else:
                clean, seconds = result
    except TersusError as error:
        notes.print(f"[red]error[/red] {escape(f'[{error.code}] {error}')}", highlight=False, soft_wrap=True)
        return 2
    if clean is None:
        return 2
    if options.json:
        report = {
            "seed": options.seed,
            "clean": {"documents": len(clean.documents), "chunks": clean.chunks, "seconds": seconds},
            "kills": [asdict(kill) for kill in kills],
            "survived": sum(kill.survived for kill in kills),
        }
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
    else:
        _print(kills, clean, seconds)
    return 0 if all(kill.survived for kill in kills) else 1


def run(kills: int, seed: int, notes: Console) -> Iterator[tuple[Found, float] | Kill]:
    """First the undisturbed ingest and its seconds, then ``kills`` kills, each in an empty home.

    Raises:
        CrashProblem: the undisturbed ingest failed.
        ModelMissing: there is no embedding model.
    """
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    with tempfile.TemporaryDirectory(prefix="tersus-crash-") as folder:
        home = Path(folder) / "clean"
        notes.print("an ingest without a kill ...", highlight=False)
        with _ingesting(home) as process:
            began = time.perf_counter()
            status = process.wait()
            seconds = time.perf_counter() - began
        clean = look(home)
        if status or clean.problem or not (clean.documents and clean.level):
            raise CrashProblem(
                f"the ingest without a kill failed: {clean.problem or f'exit status {status}'}",
                hint="try: tersus demo",
            )
        yield clean, seconds
        for number in range(1, kills + 1):
            moment = chance.uniform(0, seconds)
            notes.print(
                f"kill {number} of {kills}, after {moment:.2f} of {seconds:.2f} s ...", highlight=False
            )
            yield _kill(Path(folder) / str(number), moment, clean)


def ingest(home: str) -> None:
    """What ``tersus demo`` does to make its collection; what the processes run that are killed.

    The model is loaded before it says that it is ready and the clock starts: a kill during that would
    prove nothing. The database is made after it.
    """
    from ..rag.ingest.topics import python_topics

    with _tersus(Path(home)) as tersus:
        tersus.embedding.get_text_embedding(_READY)
        documents = python_topics()
        sys.stdout.write(f"{_READY}\n")
        sys.stdout.flush()
        tersus.ingester.ingest_documents(documents, COLLECTION)


def look(home: Path) -> Found:
    """What lies in ``home``, without changing it but for the tables, which an opened database always has."""
    import numpy as np
    from sqlalchemy import select

    from ..indexes import SnapshotMissing, load_snapshot
    from ..rag.ledger import ChunkRepository, CollectionRepository, DocumentRepository
    from ..rag.ledger.tables import Chunk

    documents: dict[str, tuple[Any, ...]] = {}
    order: list[int] = []
    with _tersus(home) as tersus, tersus.database.session() as session:
        collection = CollectionRepository(session).get(COLLECTION)
        if collection is None:
            return Found({}, np.empty((0, 0), np.float32), 0, False, None)
        repository = DocumentRepository(session)
        for external_id in sorted(repository.hashes(collection)):
            document = repository.get(collection, external_id)
            assert document is not None  # noqa: S101 - one snapshot
            chunks = session.scalars(
                select(Chunk).where(Chunk.document_id == document.id).order_by(Chunk.position)
            ).all()
            cut = [(c.position, c.start, c.end, c.title, c.text) for c in chunks]
            documents[external_id] = (document.title, document.text, document.content_hash, cut)
            order += [chunk.id for chunk in chunks]
        stored = dict[int, Any]()
        for ids, vectors in ChunkRepository(session).vectors(collection):
            stored.update(zip(ids.tolist(), vectors, strict=True))
    problem = None
    if sorted(stored) != sorted(order):
        problem = f"{len(order)} chunks and {len(stored)} vectors in SQL"
    in_index: list[int] = []
    try:
        in_index = load_snapshot(tersus.store.path(collection))[0].ids().tolist()
    except SnapshotMissing:
        pass  # killed before the first one was written
    except TersusError as error:
        problem = str(error)
    rows = [stored[number] for number in order if number in stored]
    level = in_index == sorted(order)
    return Found(documents, np.array(rows, np.float32), len(in_index), level, problem)


def _kill(home: Path, moment: float, clean: Found) -> Kill:
    from ..rag.ingest.topics import python_topics

    with _ingesting(home) as process:
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        status = process.wait()
    left = look(home)
    whole = left.problem is None and all(clean.documents.get(k) == v for k, v in left.documents.items())
    with _tersus(home) as tersus:
        tersus.ingester.ingest_documents(python_topics(), COLLECTION)
    after = look(home)
    return Kill(
        moment=moment,
        killed=status == -signal.SIGKILL,
        documents_left=len(left.documents),
        chunks_left=left.chunks,
        whole=whole,
        documents=len(after.documents),
        chunks=after.chunks,
        vectors=after.in_index,
        equal=_equal(after, clean),
        problem=left.problem or after.problem,
    )


def _equal(found: Found, clean: Found) -> bool:
    import numpy as np

    return (
        found.problem is None
        and found.documents == clean.documents
        and found.level
        and found.vectors.shape == clean.vectors.shape
        and bool(np.abs(found.vectors - clean.vectors).max(initial=0) < _SAME_VECTOR)
    )


def _ingesting(home: Path) -> subprocess.Popen[str]:
    """A process that is about to ingest into ``home``; it has loaded everything."""
    program = f"import sys; from {__spec__.name if __spec__ else __name__} import ingest; ingest(sys.argv[1])"
    command = [sys.executable, "-P", "-c", program, str(home)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own words only
    assert process.stdout is not None  # noqa: S101 - a pipe
    if process.stdout.readline().strip() != _READY:
        process.kill()
        process.wait()
        raise CrashProblem("the process that is to ingest did not get ready", hint="try: tersus doctor")
    return process


def _tersus(home: Path) -> Tersus:
    from ..rag import Tersus, load_settings

    # The settings in force, but never a database other than the one in this home.
    return Tersus(load_settings(home=home).model_copy(update={"database_url": None}))


def _print(kills: Sequence[Kill], clean: Found, seconds: float) -> None:
    out = Console()
    out = out if out.is_terminal else Console(width=120)
    table = Table(title=f"kill -9 during an ingest of {len(clean.documents)} documents ({seconds:.1f} s)")
    for name in ("Killed after (s)", "Documents left", "Chunks left", "Whole"):
        table.add_column(name, justify="right")
    for name in ("Documents after re-run", "Chunks", "Vectors in index", "Equal to clean ingest"):
        table.add_column(name, justify="right")
    for kill in kills:
        table.add_row(
            f"{kill.moment:.2f}" if kill.killed else f"{kill.moment:.2f} (had ended)",
            f"{kill.documents_left:,}",
            f"{kill.chunks_left:,}",
            "yes" if kill.whole else "NO",
            f"{kill.documents:,}",
            f"{kill.chunks:,}",
            f"{kill.vectors:,}",
            "yes" if kill.equal else "NO",
        )
    out.print(table)
    good = sum(kill.survived for kill in kills)
    out.print(
        f"{good} of {len(kills)} kills: nothing torn, and the re-run equals the clean ingest "
        f"({len(clean.documents):,} documents, {clean.chunks:,} chunks, {clean.in_index:,} vectors).",
        highlight=False,
    )
    for kill in kills:
        if kill.problem:
            out.print(f"after {kill.moment:.2f} s: {escape(kill.problem)}", highlight=False, soft_wrap=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tersus.eval.crash", description=__doc__)
    parser.add_argument("--kills", type=_count, default=10, help="how many (default: 10)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number of at least 1 is needed, got {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
