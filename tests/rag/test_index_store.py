"""Whatever lies on disk, the neighbours are those that SQL's own vectors give."""

from __future__ import annotations

import errno
import logging
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select
from tersus.indexes import Index, SnapshotNotWritten, load_snapshot, read_snapshot_info, save_snapshot
from tersus.rag.index_store import IndexStore
from tersus.rag.indexing.disk import IndexDisk
from tersus.rag.ledger import CollectionRepository, Database
from tersus.rag.ledger.errors import UnknownCollection
from tersus.rag.ledger.tables import Chunk, Vector
from tersus.rag.ledger.vectors import pack_vector

from tests.rag import fakes
from tests.rag.fakes import HashedEmbedding

QUESTIONS = ["tides and the moon", "iron rusts", "yeast in bread", "word07 word11 word13"]


def words(seed: int, chunks: int = 5) -> list[str]:
    """Chunks of words in no order, so that hardly two cosines are equal."""
    dice = random.Random(seed)
    return [
        " ".join(f"word{dice.randrange(60):02}" for _ in range(dice.randrange(9, 30))) for _ in range(chunks)
    ]


@pytest.fixture
def corpus(database: Database) -> Database:
    fakes.fill(database)
    for number in range(6):
        fakes.add_document(database, "corpus", f"noise{number}", words(number))
    return database


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "indexes"


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.WARNING, "tersus.rag"):
        yield caplog


def neighbours(store: IndexStore, question: str, collection: str = "corpus") -> list[int]:
    _, index = store.open(collection)
    found = index.search([HashedEmbedding()._vector(question)], len(index) + 1)
    return [int(chunk_id) for chunk_id in found.ids[0] if chunk_id >= 0]


def assert_true_to_sql(store: IndexStore, database: Database, collection: str = "corpus") -> None:
    for question in QUESTIONS:
        scored = fakes.cosines(database, collection, question)
        found = neighbours(store, question, collection)
        assert len(found) == len(scored) > 0
        assert fakes.in_order(found, scored)


def change(database: Database) -> None:
    """Add, replace and delete a document."""
    fakes.add_document(database, "corpus", "new", words(100))
    fakes.add_document(database, "corpus", "noise1", words(101, 3))
    fakes.delete_documents(database, "corpus", "noise2")


def snapshot(store: IndexStore, name: str = "corpus") -> Path:
    path = store.save(name)
    assert path.is_file()
    return path


def files(folder: Path) -> list[Path]:
    """What lies in the folder besides the locks of writers."""
    return [path for path in folder.iterdir() if path.suffix != ".lock"]


def test_a_snapshot_is_found_again_and_nothing_is_logged(
    corpus: Database, folder: Path, log: pytest.LogCaptureFixture
) -> None:
    path = snapshot(IndexStore(folder, corpus))
    again = IndexStore(folder, corpus)
    assert_true_to_sql(again, corpus)
    assert again.save("corpus") == path
    assert log.text == ""


@pytest.mark.parametrize("saved", [False, True])
def test_an_index_catches_up_with_every_change(
    corpus: Database, folder: Path, log: pytest.LogCaptureFixture, saved: bool
) -> None:
    store = IndexStore(folder, corpus)
    snapshot(store)
    change(corpus)
    assert_true_to_sql(IndexStore(folder, corpus) if saved else store, corpus)
    fakes.delete_documents(corpus, "corpus", *fakes.CORPUS, "new", *(f"noise{n}" for n in range(6)))
    assert neighbours(store, "tides") == []
    fakes.fill(corpus)
    assert_true_to_sql(store, corpus)
    assert log.text == ""


def test_an_index_never_holds_less_than_sql_while_it_catches_up(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes.add_document(database, "single", "a", ["The first version.", "Its end."])
    store = IndexStore(folder, database)
    store.open("single")
    fakes.add_document(database, "single", "a", ["The second version."])
    sizes = []
    for name in ("add", "remove"):
        change_of = getattr(Index, name)

        def watched(self: Index, *values: Any, change_of: Any = change_of) -> Any:
            result = change_of(self, *values)
            sizes.append(len(self))
            return result

        monkeypatch.setattr(Index, name, watched)
    store.open("single")
    assert sizes == [3, 1]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def rename_model(path: Path) -> None:
    index, info = load_snapshot(path)
    save_snapshot(index, path, sequence=info.sequence, embedding_model="another")


def date_ahead(path: Path) -> None:
    """As after a restored backup: what it holds under known ids is of a future that did not happen."""
    index, info = load_snapshot(path)
    ids = index.ids()
    index.remove(ids)
    index.add(ids, [[1.0] * index.dimension] * len(ids))
    save_snapshot(index, path, sequence=info.sequence + 1, embedding_model=info.embedding_model)


DAMAGE: list[tuple[Callable[[Path], Any], str]] = [
    (Path.unlink, "missing"),
    (flip, "snapshot"),
    (cut, "snapshot"),
    (lambda path: path.write_bytes(b""), "snapshot"),
    (rename_model, "vectors of another"),
    (date_ahead, "newer than the database"),
]


@pytest.mark.parametrize(("damage", "said"), DAMAGE)
def test_a_snapshot_that_cannot_be_trusted_is_rebuilt_from_sql_and_the_log_says_why(
    corpus: Database,
    folder: Path,
    log: pytest.LogCaptureFixture,
    damage: Callable[[Path], Any],
    said: str,
) -> None:
    path = snapshot(IndexStore(folder, corpus))
    damage(path)
    store = IndexStore(folder, corpus)
    status = store.status("corpus")
    assert not status.current
    assert status.problem
    assert log.text == ""
    assert_true_to_sql(store, corpus)
    (record,) = log.records
    assert "'corpus' is rebuilt" in record.getMessage()
    assert said in record.getMessage()
    store.save("corpus")
    assert IndexStore(folder, corpus).status("corpus").current


def test_status_tells_a_snapshot_that_is_behind(corpus: Database, folder: Path) -> None:
    store = IndexStore(folder, corpus)
    missing = store.status("corpus")
    assert (missing.chunks, missing.vectors, missing.current) == (34, None, False)
    assert "no snapshot" in str(missing.problem)
    path = snapshot(store)
    assert (status := store.status("corpus")).current
    assert (status.path, status.chunks, status.vectors, status.problem) == (path, 34, 34, None)
    change(corpus)
    behind = store.status("corpus")
    assert (behind.chunks, behind.vectors, behind.current, behind.problem) == (32, 34, False, None)
    with pytest.raises(UnknownCollection):
        store.status("nowhere")


def test_another_database_with_the_same_names_in_the_same_folder_is_not_mistaken(
    corpus: Database, folder: Path, new_address: Callable[[], str], log: pytest.LogCaptureFixture
) -> None:
    from tersus.rag.ledger import schema

    first = IndexStore(folder, corpus)
    snapshot(first)
    other = Database(new_address())
    schema.upgrade(other)
    fakes.add_document(other, "corpus", "tides", words(7))
    second = IndexStore(folder, other)
    snapshot(second)
    assert_true_to_sql(IndexStore(folder, corpus), corpus)
    assert_true_to_sql(IndexStore(folder, other), other)
    assert len(files(folder)) == 2
    assert log.text == ""
    other.close()


def test_a_collection_deleted_and_made_again_under_its_name_has_an_index_of_its_own(
    corpus: Database, folder: Path
) -> None:
    store = IndexStore(folder, corpus)
    path = snapshot(store)
    with corpus.session(write=True) as session:
        CollectionRepository(session).delete("corpus")
    with pytest.raises(UnknownCollection):
        store.open("corpus")
    fakes.add_document(corpus, "corpus", "tides", words(8))
    assert_true_to_sql(store, corpus)
    assert snapshot(store) != path


def test_drop_removes_the_snapshot_and_can_be_repeated(corpus: Database, folder: Path) -> None:
    store = IndexStore(folder, corpus)
    path = snapshot(store)
    collection, _ = store.open("corpus")
    store.drop(collection)
    store.drop(collection)
    assert not path.exists()
    assert_true_to_sql(store, corpus)
    path.mkdir()
    with pytest.raises(SnapshotNotWritten, match="removed"):
        store.drop(collection)


def test_rebuild_replaces_what_is_wrong_in_a_way_no_check_can_see(
    corpus: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = IndexStore(folder, corpus)
    path = snapshot(store)
    index, info = load_snapshot(path)
    old = index.ids()[:20]  # the latest are compared with SQL's
    index.remove(old)
    index.add(old, [[1.0] * index.dimension] * len(old))
    save_snapshot(index, path, sequence=info.sequence, embedding_model=info.embedding_model)
    monkeypatch.setattr("tersus.rag.indexing.level._WITNESSES", 10)
    store = IndexStore(folder, corpus)
    assert not fakes.in_order(neighbours(store, QUESTIONS[0]), fakes.cosines(corpus, "corpus", QUESTIONS[0]))
    assert store.rebuild("corpus") == len(index) == 34
    assert_true_to_sql(store, corpus)
    assert_true_to_sql(IndexStore(folder, corpus), corpus)


@pytest.mark.parametrize("running", [False, True])
def test_a_database_that_was_restored_and_has_gone_another_way_is_noticed(
    corpus: Database, folder: Path, log: pytest.LogCaptureFixture, running: bool
) -> None:
    # As if the first version of these documents were of a future that a restored backup undid: the same
    # chunk ids, and a sequence that has caught up, with other texts.
    fakes.add_document(corpus, "corpus", "lost", words(50))
    store = IndexStore(folder, corpus)
    snapshot(store)
    with corpus.session(write=True) as session:
        other = HashedEmbedding()
        collection = CollectionRepository(session).require("corpus")
        for chunk in session.scalars(select(Chunk).order_by(Chunk.id.desc()).limit(5)):
            chunk.text = f"tides {chunk.id} of another history"
            row = session.get(Vector, chunk.id)
            assert row is not None
            row.data = pack_vector(np.array(other._vector(chunk.text)), collection.dimension)
        collection.sequence += 1
    assert_true_to_sql(store if running else IndexStore(folder, corpus), corpus)
    assert "another history" in log.text


def test_an_index_of_a_collection_that_another_process_deleted_is_forgotten(
    corpus: Database, folder: Path
) -> None:
    fakes.add_document(corpus, "other", "a", words(3))
    store = IndexStore(folder, corpus)
    store.open("corpus")
    store.open("other")
    with corpus.session(write=True) as session:
        CollectionRepository(session).delete("other")
    change(corpus)
    collection, _ = store.open("corpus")
    assert set(store._entries) == {collection.uid}


def test_a_collection_deleted_while_it_is_saved_leaves_no_snapshot(
    corpus: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = IndexStore(folder, corpus)
    save = IndexDisk.save

    def deleting(self: IndexDisk, *values: Any, **options: Any) -> Path:
        with corpus.session(write=True) as session:
            CollectionRepository(session).delete("corpus")
        return save(self, *values, **options)

    monkeypatch.setattr(IndexDisk, "save", deleting)
    store.save("corpus")
    assert files(folder) == []


def full(*_: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("action", ["save", "rebuild"])
def test_a_full_disk_is_an_error_that_harms_nothing(
    corpus: Database, folder: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    store = IndexStore(folder, corpus)
    path = snapshot(store)
    before, info = path.read_bytes(), read_snapshot_info(path)
    change(corpus)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(SnapshotNotWritten, match="No space left"):
            getattr(store, action)("corpus")
    assert path.read_bytes() == before
    assert files(folder) == [path]
    assert_true_to_sql(store, corpus)
    assert_true_to_sql(IndexStore(folder, corpus), corpus)
    getattr(store, action)("corpus")
    assert read_snapshot_info(path).sequence == info.sequence + 3


def test_a_folder_that_cannot_be_made_is_an_error_and_queries_go_on(corpus: Database, folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("a file where the folder should be")
    store = IndexStore(folder, corpus)
    for action in (store.save, store.rebuild):
        with pytest.raises(SnapshotNotWritten):
            action("corpus")
    assert_true_to_sql(store, corpus)
