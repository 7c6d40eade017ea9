"""An ingest that is killed leaves whole documents behind, and the next one does the rest."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import delete
from tersus.eval.crash import COLLECTION, look
from tersus.indexes import load_snapshot
from tersus.rag import Tersus, load_settings
from tersus.rag.ingest.readers import ParsedDocument
from tersus.rag.ledger import Database
from tersus.rag.ledger.tables import Vector

from tests.rag.ingest.ingest_fakes import (
    FakeEmbedding,
    State,
    checked_state,
    ingest_in_process,
    ingester,
    processes,
    sentences,
    snapshot_of,
)

FILES = 24
KILLS = 6
BATCHES = 7  # about how many are embedded; each flush has one or two, and then writes to SQL
SLOW = 0.004  # seconds each ten embeddings take: part of the kills fall into it, the others into SQL


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of one to three dozen chunks, so that batches hold several and documents end anywhere."""
    folder = tmp_path / "docs"
    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number:02}.txt").write_text(sentences(f"file {number}", 50 + 40 * (number % 3)))
    return folder


@pytest.fixture
def victims() -> Iterator[list[ForkServerProcess]]:
    """Processes that are killed at the end whatever happens."""
    started: list[ForkServerProcess] = []
    yield started
    for process in started:
        process.kill()
        process.join()


def kill_one(
    address: str,
    home: Path,
    folder: Path,
    collection: str,
    chance: random.Random,
    victims: list[ForkServerProcess],
) -> None:
    """Start an ingest, and kill it a random moment after a random one of its batches was embedded.

    It never ends by itself, so that what ends it is the kill, even where that comes late.
    """
    context = processes()
    wire, theirs = context.Pipe()
    arguments = (address, str(home), [str(folder)], collection, SLOW, theirs, True)
    process = context.Process(target=ingest_in_process, args=arguments)
    process.start()
    victims.append(process)
    theirs.close()
    assert wire.recv() == "ready"
    wire.send("go")
    for _ in range(chance.randrange(BATCHES)):
        if isinstance(wire.recv(), dict):
            break
    time.sleep(chance.uniform(0, 20 * SLOW))
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def assert_only_whole_documents(found: State, clean: State) -> None:
    assert found.documents == {name: clean.documents[name] for name in found.documents}


def test_after_every_kill_documents_are_whole_and_the_next_ingest_completes_them(
    database: Database, address: str, tmp_path: Path, folder: Path, victims: list[ForkServerProcess]
) -> None:
    chance = random.Random(21)
    home = tmp_path / "home"
    ingester(database, home).ingest_files([folder], "clean")
    clean = checked_state(database, home, "clean")
    assert len(clean.documents) == FILES
    left: list[int] = []
    for number in range(KILLS):
        name = f"docs{number}"
        kill_one(address, home, folder, name, chance, victims)
        found = checked_state(database, home, name)  # loads the snapshot, if there is one by now
        assert_only_whole_documents(found, clean)
        left.append(len(found.documents))
        report = ingester(database, home).ingest_files([folder], name)
        rest = {"unchanged": left[-1], "added": FILES - left[-1]}
        assert report.counts() == {status: count for status, count in rest.items() if count}
        assert checked_state(database, home, name) == clean
        index, _ = load_snapshot(snapshot_of(database, home, name))
        assert len(index) == clean.chunks
    assert any(0 < count < FILES for count in left), f"no kill fell into the middle: {left}"


def test_an_ingest_of_changes_that_is_killed_leaves_each_document_in_its_old_or_new_version(
    database: Database, address: str, tmp_path: Path, folder: Path, victims: list[ForkServerProcess]
) -> None:
    chance = random.Random(7)
    home = tmp_path / "home"
    ingester(database, home).ingest_files([folder], "docs")
    old = checked_state(database, home, "docs")
    for number in range(FILES):
        (folder / f"{number:02}.txt").write_text(sentences(f"new {number}", 30 + 40 * (number % 4)))
    ingester(database, home).ingest_files([folder], "clean")
    new = checked_state(database, home, "clean")
    for _ in range(3):  # each goes on where the one before was killed
        kill_one(address, home, folder, "docs", chance, victims)
        found = checked_state(database, home, "docs").documents
        assert len(found) == FILES
        assert all(found[name] in (old.documents[name], new.documents[name]) for name in found)
    assert ingester(database, home).ingest_files([folder], "docs").index_problem is None
    assert checked_state(database, home, "docs") == new


def test_an_ingest_killed_while_it_saves_the_index_leaves_the_old_snapshot_and_no_litter(
    database: Database, tmp_path: Path, folder: Path
) -> None:
    home = tmp_path / "home"
    ingester(database, home).ingest_files([folder / "00.txt"], "docs")
    path = snapshot_of(database, home, "docs")
    old = path.read_bytes()
    # What a writer leaves that was killed before it renamed its file.
    half = path.with_name(f".{path.name}.0123456789abcdef.tmp")
    half.write_bytes(old[:100])
    ingester(database, home, FakeEmbedding()).ingest_files([folder], "docs")
    assert path.read_bytes() != old
    assert len(load_snapshot(path)[0]) == checked_state(database, home, "docs").chunks
    locks = {path.with_suffix(".lock").name}  # stays: what it locks is held by the system, not by the file
    assert {p.name for p in path.parent.iterdir()} - locks == {path.name}


def test_the_crash_report_tells_a_whole_home_from_a_torn_one(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Tersus(load_settings(home=home), embedding=FakeEmbedding()) as tersus:
        assert look(home).documents == {}
        documents = [ParsedDocument(f"id:{n}", "T", sentences(str(n), 40), "text/plain", 1) for n in range(2)]
        tersus.ingester.ingest_documents(documents[:1], COLLECTION)
        behind = tersus.store.path(tersus.store.open(COLLECTION)[0]).read_bytes()
        report = tersus.ingester.ingest_documents(documents, COLLECTION)
        collection, index = tersus.store.open(COLLECTION)
        whole = look(home)
        assert (len(whole.documents), whole.chunks) == (2, len(index))
        assert report.counts() == {"unchanged": 1, "added": 1}
        assert (whole.in_index, whole.level, whole.problem) == (len(index), True, None)
        np.testing.assert_allclose(np.linalg.norm(whole.vectors, axis=1), 1, atol=1e-6)
        tersus.store.path(collection).write_bytes(behind)
        assert (look(home).level, look(home).problem) == (False, None)
        tersus.store.path(collection).write_bytes(behind[:-1])
        assert "snapshot" in (look(home).problem or "")
        tersus.store.rebuild(COLLECTION)
        with tersus.database.session(write=True) as session:
            session.execute(delete(Vector).where(Vector.chunk_id == int(index.ids()[0])))
        assert look(home).problem == f"{len(index)} chunks and {len(index) - 1} vectors in SQL"
