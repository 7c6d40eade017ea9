"""Two ingests of the same folder at once, by threads and by processes: as if there had been one."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import select
from tersus.rag.index_store import IndexStore
from tersus.rag.ingest.report import IngestReport
from tersus.rag.ingest.run import Ingester
from tersus.rag.ledger import Database
from tersus.rag.ledger.tables import Collection, Document
from tersus.rag.settings import Settings

from tests.rag.ingest.ingest_fakes import (
    FakeEmbedding,
    State,
    checked_state,
    ingest_in_process,
    ingester,
    processes,
    sentences,
)
from tests.rag.ingest.pdfs import make_pdf

FILES = 14
SLOW = 0.01  # seconds a batch of embeddings takes, so that both are at work at the same time


def write_files(folder: Path, version: str) -> None:
    folder.mkdir(exist_ok=True)
    for number in range(FILES - 1):
        (folder / f"{number:02}.txt").write_text(sentences(f"{version}{number}", 40 + 5 * number))
    (folder / "rivers.pdf").write_bytes(make_pdf([f"Rivers, {version} version.", "The end."]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    write_files(folder, "first")
    return folder


def clean_state(database: Database, home: Path, folder: Path) -> State:
    """What a single ingest makes of the folder, in a collection of its own."""
    assert ingester(database, home).ingest_files([folder], "clean").counts() == {"added": FILES}
    return checked_state(database, home, "clean")


def revisions(database: Database, collection: str) -> int:
    """How often a document was written, by the collection's own count."""
    with database.session() as session:
        row = session.scalars(select(Collection).where(Collection.name == collection)).one()
        written = session.scalars(select(Document.sequence).where(Document.collection_id == row.id)).all()
        assert max(written) == row.sequence
        return row.sequence


def at_once(ingesters: list[Ingester], folder: Path) -> list[IngestReport]:
    """All ingest the folder in threads that begin together."""
    start, reports, errors = threading.Barrier(len(ingesters)), list[IngestReport](), list[BaseException]()

    def work(one: Ingester) -> None:
        try:
            start.wait()
            reports.append(one.ingest_files([folder], "docs"))
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=work, args=(one,)) for one in ingesters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    return reports


def assert_stored_once(counts: list[dict[str, int]], outcome: str) -> None:
    """Every document was written by one ingest and found unchanged by the others."""
    assert sum(count.get(outcome, 0) for count in counts) == FILES
    assert sum(count.get("unchanged", 0) for count in counts) == FILES * (len(counts) - 1)


@pytest.mark.parametrize("shared", [True, False], ids=["one ingester", "an ingester each"])
def test_threads_that_ingest_the_same_folder_store_it_once(
    database: Database, tmp_path: Path, folder: Path, shared: bool
) -> None:
    home = tmp_path / "home"
    if shared:
        ingesters = [ingester(database, home, FakeEmbedding(seconds=SLOW))] * 3
    else:
        ingesters = [ingester(database, home, FakeEmbedding(seconds=SLOW)) for _ in range(3)]
    reports = at_once(ingesters, folder)
    assert [report.index_problem for report in reports] == [None] * 3
    assert_stored_once([report.counts() for report in reports], "added")
    clean = clean_state(database, home, folder)
    assert checked_state(database, home, "docs") == clean
    assert sum(report.chunks for report in reports) == clean.chunks
    assert revisions(database, "docs") == FILES


def test_threads_that_find_the_same_changes_store_them_once(
    database: Database, tmp_path: Path, folder: Path
) -> None:
    home = tmp_path / "home"
    ingester(database, home).ingest_files([folder], "docs")
    write_files(folder, "second")
    ingesters = [ingester(database, home, FakeEmbedding(seconds=SLOW)) for _ in range(2)]
    assert_stored_once([report.counts() for report in at_once(ingesters, folder)], "replaced")
    assert checked_state(database, home, "docs") == clean_state(database, home, folder)
    assert revisions(database, "docs") == 2 * FILES


def test_threads_that_ingest_different_folders_store_both(
    database: Database, tmp_path: Path, folder: Path
) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    write_files(other, "other")
    store = IndexStore(home / "indexes", database)
    settings = Settings(home=home, chunk_tokens=64)
    errors: list[BaseException] = []

    def work(source: Path) -> None:
        try:
            one = Ingester(settings, database, store, FakeEmbedding(seconds=SLOW))
            assert one.ingest_files([source], "docs", prune=True).counts() == {"added": FILES}
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=work, args=(source,)) for source in (folder, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    ingester(database, home).ingest_files([folder, other], "clean")
    assert checked_state(database, home, "docs") == checked_state(database, home, "clean")


def test_processes_that_ingest_the_same_folder_store_it_once(
    database: Database, address: str, tmp_path: Path, folder: Path
) -> None:
    home = tmp_path / "home"
    context = processes()
    wires, running = [], []
    for _ in range(2):
        ours, theirs = context.Pipe()
        process = context.Process(
            target=ingest_in_process, args=(address, str(home), [str(folder)], "docs", SLOW, theirs)
        )
        process.start()
        theirs.close()
        wires.append(ours)
        running.append(process)
    assert [wire.recv() for wire in wires] == ["ready", "ready"]
    for wire in wires:
        wire.send("go")
    ends = []
    for wire, process in zip(wires, running, strict=True):
        while not isinstance(end := wire.recv(), dict):
            pass
        ends.append(end)
        process.join()
    assert [process.exitcode for process in running] == [0, 0]
    assert [end["problem"] for end in ends] == [None, None]
    assert ends[0]["pid"] != ends[1]["pid"]
    assert_stored_once([end["counts"] for end in ends], "added")
    clean = clean_state(database, home, folder)
    assert checked_state(database, home, "docs") == clean
    assert revisions(database, "docs") == FILES
