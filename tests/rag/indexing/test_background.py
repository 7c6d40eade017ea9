"""An index that its collection has outgrown serves on while a better one is built beside it."""

from __future__ import annotations

import logging
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tersus.indexes import Index, load_snapshot
from tersus.indexes.ann import AnnIndex
from tersus.indexes.ivf import IvfIndex
from tersus.indexes.kmeans import suggest_k
from tersus.rag.clusters import build_clusters, clusters_of, load_centroids
from tersus.rag.index_store import IndexStore
from tersus.rag.indexing.build import build_index
from tersus.rag.indexing.choice import IndexSettings
from tersus.rag.indexing.disk import IndexDisk
from tersus.rag.ledger import ChunkRepository, CollectionRepository, Database

from tests.rag import fakes
from tests.rag.fakes import HashedEmbedding

OPTIONS = {kind: {"train_at": 30, "recall": 1.0} for kind in ("hnsw", "ivf-flat", "ivf-sq8")}
SETTINGS = IndexSettings(memory=None, options=OPTIONS)
QUESTION = "word07 word11 word13"


def grow(database: Database, first: int, last: int) -> None:
    dice = random.Random(first)
    for number in range(first, last):
        chunks = [" ".join(f"word{dice.randrange(60):02}" for _ in range(12)) for _ in range(5)]
        fakes.add_document(database, "corpus", f"doc{number}", chunks)


def found(index: Index, k: int = 5) -> list[int]:
    return [int(name) for name in index.search([HashedEmbedding()._vector(QUESTION)], k).ids[0]]


def nearest(database: Database, k: int = 5) -> list[float]:
    scored = fakes.cosines(database, "corpus", QUESTION)
    return sorted(scored.values(), reverse=True)[:k]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thresholds that a test's collection can pass."""
    monkeypatch.setattr("tersus.indexes.choose._FLAT_UPTO", 40)
    monkeypatch.setattr(AnnIndex, "few", 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "indexes"


@pytest.mark.usefixtures("small")
def test_a_collection_that_outgrows_its_kind_gets_another_and_searches_go_on(
    database: Database, folder: Path
) -> None:
    grow(database, 0, 8)
    store = IndexStore(folder, database, SETTINGS)
    assert store.open("corpus")[1].kind == "flat"
    assert store.wait(0)
    grow(database, 8, 20)  # 100 chunks: more than twice the limit
    before = store.open("corpus")[1]
    assert len(before) == 100
    assert store.wait(60)
    collection, index = store.open("corpus")
    assert (index.kind, len(index)) == ("hnsw", 100)
    scored = fakes.cosines(database, "corpus", QUESTION)
    assert [scored[name] for name in found(index)] == pytest.approx(nearest(database))
    assert load_snapshot(store.path(collection))[0].kind == "hnsw"
    # Another process finds it, and what comes and goes later is in it too.
    grow(database, 3, 5)
    grow(database, 20, 22)
    other = IndexStore(folder, database, SETTINGS).open("corpus")[1]
    with database.session() as session:
        ids = ChunkRepository(session).ids(CollectionRepository(session).require("corpus"))
    for one in (other, store.open("corpus")[1]):
        assert one.kind == "hnsw"
        assert one.ids().tolist() == ids.tolist()


@pytest.mark.usefixtures("small")
def test_readers_and_a_writer_beside_a_build_see_all_that_sql_has(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(database, 0, 20)
    store = IndexStore(folder, database, SETTINGS)
    in_build, go_on = threading.Event(), threading.Event()

    def slow(*arguments: Any) -> Any:
        built = build_index(*arguments)
        in_build.set()
        assert go_on.wait(60)
        return built

    monkeypatch.setattr("tersus.rag.index_store.build_index", slow)
    store.open("corpus")
    assert in_build.wait(60)
    # The new index was filled before this change: it must have it all the same once it serves.
    grow(database, 0, 2)
    with ThreadPoolExecutor(3) as pool:
        seen = list(pool.map(lambda _: store.open("corpus")[1], range(6)))
    assert {index.kind for index in seen} == {"flat"}
    go_on.set()
    assert store.wait(60)
    index = store.open("corpus")[1]
    assert index.kind == "hnsw"
    with database.session() as session:
        ids = ChunkRepository(session).ids(CollectionRepository(session).require("corpus"))
    assert index.ids().tolist() == ids.tolist()


@pytest.mark.usefixtures("small")
def test_a_build_that_fails_is_logged_and_not_tried_again_at_once(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    grow(database, 0, 20)
    calls = []

    def failing(*_: Any) -> Any:
        calls.append(1)
        raise MemoryError("no room")

    monkeypatch.setattr("tersus.rag.index_store.build_index", failing)
    store = IndexStore(folder, database, SETTINGS)
    with caplog.at_level(logging.ERROR, "tersus.rag"):
        for _ in range(3):
            assert len(store.open("corpus")[1]) == 100
            assert store.wait(60)
    assert len(calls) == 1
    assert "the old one stays in use" in caplog.text


@pytest.mark.usefixtures("small")
def test_while_another_process_builds_this_one_does_not(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(database, 0, 20)
    store = IndexStore(folder, database, SETTINGS)
    monkeypatch.setattr("tersus.rag.index_store._AGAIN", 0.0)
    collection, _ = IndexStore(folder, database, IndexSettings(background=False)).open("corpus")
    disk = IndexDisk(folder)
    with disk.building(collection) as held:
        assert held
        assert store.open("corpus")[1].kind == "flat"
        assert store.wait(60)
        assert store.open("corpus")[1].kind == "flat"
        assert store.wait(60)
        # The other one is done: what it saved is taken over, not built once more.
        _, index = build_index(database, "corpus", SETTINGS)
        disk.save(index, collection)
    monkeypatch.setattr("tersus.rag.index_store.build_index", lambda *_: pytest.fail("built again"))
    store.open("corpus")
    assert store.wait(60)
    assert store.open("corpus")[1].kind == "hnsw"


@pytest.mark.usefixtures("small")
def test_settle_waits_for_the_better_index(database: Database, folder: Path) -> None:
    grow(database, 0, 20)
    store = IndexStore(folder, database, SETTINGS)
    told: list[tuple[int, int]] = []
    path = store.settle("corpus", lambda done, total: told.append((done, total)))
    assert load_snapshot(path)[0].kind == "hnsw"
    assert told[-1] == (100, 100)
    store.settle("corpus", lambda *_: pytest.fail("built again"))


@pytest.mark.parametrize("kind", ["ivf-flat", "ivf-sq8", "hnsw", "flat"])
def test_a_kind_that_was_asked_for_is_built_and_its_lists_are_the_clusters(
    database: Database, folder: Path, kind: str
) -> None:
    grow(database, 0, 40)
    with database.session(write=True) as session:
        repository = CollectionRepository(session)
        repository.set_index_kind(repository.require("corpus"), kind)
    store = IndexStore(folder, database, SETTINGS)
    assert store.rebuild("corpus") == 200
    collection, index = store.open("corpus")
    assert index.kind == kind
    status = store.status("corpus")
    assert (status.current, status.kind, status.outgrown) == (True, kind, None)
    if kind.startswith("ivf"):
        with database.session() as session:
            centroids = load_centroids(session, collection)
            assert centroids is not None
            assert isinstance(index, IvfIndex)
            assert index.centroids is not None
            assert np.abs(index.centroids - centroids).max() < 1e-6
            ids, vectors = next(iter(ChunkRepository(session).vectors(collection, batch=1000)))
            assert (
                clusters_of(session, collection, ids).tolist() == (vectors @ centroids.T).argmax(1).tolist()
            )


def test_options_that_changed_build_the_index_anew(database: Database, folder: Path) -> None:
    grow(database, 0, 20)
    with database.session(write=True) as session:
        repository = CollectionRepository(session)
        repository.set_index_kind(repository.require("corpus"), "hnsw")
    IndexStore(folder, database, SETTINGS).rebuild("corpus")
    changed = IndexSettings(options={"hnsw": {"train_at": 30, "neighbours": 7}}, background=False)
    store = IndexStore(folder, database, changed)
    assert store.status("corpus").outgrown == "it was made with neighbours=16, and 7 is asked for"
    store.settle("corpus")
    assert store.open("corpus")[1].options["neighbours"] == 7
    assert store.status("corpus").outgrown is None


def test_clusters_follow_a_collection_that_grows_unless_somebody_chose_their_number(
    database: Database, folder: Path
) -> None:
    grow(database, 0, 10)
    with database.session(write=True) as session:
        repository = CollectionRepository(session)
        repository.set_index_kind(repository.require("corpus"), "ivf-flat")
    store = IndexStore(folder, database, SETTINGS)
    store.rebuild("corpus")
    grow(database, 10, 200)
    store.rebuild("corpus")
    assert lists(store) == clusters(database) == suggest_k(1000)
    build_clusters(database, "corpus", 3)
    store.rebuild("corpus")
    assert clusters(database) == 3
    assert lists(store) == 1000 // 39  # the index learned its own


def lists(store: IndexStore) -> int:
    return len(store.open("corpus")[1].centroids)  # type: ignore[attr-defined]


def clusters(database: Database) -> int:
    with database.session() as session:
        centroids = load_centroids(session, CollectionRepository(session).require("corpus"))
    return 0 if centroids is None else len(centroids)


def test_a_few_chunks_in_a_kind_with_lists_are_searched_exactly(database: Database, folder: Path) -> None:
    grow(database, 0, 2)
    with database.session(write=True) as session:
        repository = CollectionRepository(session)
        repository.set_index_kind(repository.require("corpus"), "ivf-pq")
    store = IndexStore(folder, database)
    assert store.rebuild("corpus") == 10
    index = store.open("corpus")[1]
    scored = fakes.cosines(database, "corpus", QUESTION)
    assert [scored[name] for name in found(index)] == pytest.approx(nearest(database))
