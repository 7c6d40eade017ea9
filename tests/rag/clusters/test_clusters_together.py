"""Clusters while documents come and go, while others build, and when the process is killed."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tersus.indexes.kmeans import assign
from tersus.rag.clusters import assign_new, build_clusters, chunks_in_clusters, clusters_of
from tersus.rag.ledger import ChunkRepository, CollectionRepository, Database
from tersus.rag.ledger.clusterings import ClusteringRepository

from tests.rag.clusters.cluster_fakes import add, around, brute, check_level, middles, stored
from tests.rag.fakes import delete_documents
from tests.rag.ledger.conftest import run_python

__all__ = ["run_python"]

DIRECTIONS = middles(6, 12)
SECONDS = 2.0


@pytest.fixture
def docs(database: Database) -> Database:
    for number, middle in enumerate(DIRECTIONS):
        add(database, f"group-{number}", around(middle, 25, 0.3, number))
    return database


def check_whole(database: Database) -> None:
    """What is stored is one build's: every stored cluster is the nearest of the stored centroids."""
    centroids, homes, vectors = stored(database)
    assert homes == brute(centroids, {i: vectors[i] for i in homes})


def test_ingests_builds_and_readers_at_once_never_see_a_mixed_state(docs: Database) -> None:
    build_clusters(docs, "docs", 6)
    ends = time.monotonic() + SECONDS
    turns: dict[str, int] = {}
    lock = threading.Lock()

    def repeat(name: str, work: Callable[[random.Random], None]) -> None:
        chance = random.Random(name)
        while time.monotonic() < ends:
            work(chance)
            with lock:
                turns[name] = turns.get(name, 0) + 1

    def ingest(chance: random.Random) -> None:
        name = f"moving-{chance.randrange(5)}"
        if chance.random() < 0.4:
            delete_documents(docs, "docs", name)
        else:
            seed = chance.randrange(10**6)
            add(docs, name, around(DIRECTIONS[seed % 6], 1 + seed % 20, 0.3, seed))

    def read(_: random.Random) -> None:
        check_whole(docs)
        with docs.session() as session:
            row = CollectionRepository(session).require("docs")
            clustering = ClusteringRepository(session).require(row)
            numbers = len(ClusteringRepository(session).clusters(clustering))
            ids = ChunkRepository(session).ids(row)
            found = clusters_of(session, row, ids)
            assert found.min() >= 0
            for number in range(numbers):
                inside = chunks_in_clusters(session, row, [number])
                assert inside.tolist() == ids[found == number].tolist()

    def build(chance: random.Random) -> None:
        build_clusters(docs, "docs", chance.randint(2, 9))

    def assign_late(_: random.Random) -> None:
        assign_new(docs, "docs")

    jobs: list[tuple[str, Callable[[random.Random], None]]] = [
        ("ingest", ingest),
        ("build", build),
        ("build too", build),
        ("assign", assign_late),
        ("assign too", assign_late),
        ("read", read),
    ]
    with ThreadPoolExecutor(len(jobs)) as pool:
        for job in [pool.submit(repeat, name, work) for name, work in jobs]:
            job.result()
    assert min(turns.values()) >= 1
    assert set(turns) == {name for name, _ in jobs}
    assign_new(docs, "docs")
    check_level(docs)


PROGRAM = """
    import sys
    from tersus.rag.clusters import build_clusters
    from tersus.rag.ledger import Database
    database = Database(sys.argv[1])
    for number in range(10**6):
        build_clusters(database, "docs", 2 + number % 20, seed=number)
        print(number, flush=True)
    """


def test_a_process_that_is_killed_while_it_builds_leaves_whole_clusters(
    docs: Database, address: str, run_python: Callable[..., subprocess.Popen[str]]
) -> None:
    chance = random.Random(4)
    for kill in range(3):
        process = run_python(PROGRAM, address)
        assert process.stdout is not None
        for number in range(kill + 1):
            assert process.stdout.readline() == f"{number}\n"
        time.sleep(chance.uniform(0, 0.1))
        process.kill()
        process.wait()
        assert process.returncode == -signal.SIGKILL
        check_whole(docs)
        with docs.session() as session:
            row = CollectionRepository(session).require("docs")
            clustering = ClusteringRepository(session).require(row)
            assert clustering.seed >= kill
            assert clustering.k == 2 + clustering.seed % 20
        add(docs, f"after-{kill}", around(DIRECTIONS[kill], 5, 0.3, kill))
        assign_new(docs, "docs")
        assert len(check_level(docs)) == 150 + 5 * (kill + 1)


def test_an_assignment_that_a_build_overtakes_starts_again(
    docs: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tersus.rag.clusters import level

    build_clusters(docs, "docs", 6)
    add(docs, "late", around(DIRECTIONS[1], 8, 0.3, 77))
    builds = iter([True])

    def overtaken(vectors: Any, centroids: Any) -> Any:
        if next(builds, False):
            monkeypatch.setattr(level, "assign", assign)
            build_clusters(docs, "docs", 3, seed=9)
        return assign(vectors, centroids)

    monkeypatch.setattr(level, "assign", overtaken)
    assert assign_new(docs, "docs") == 0  # the build gave the late ones theirs
    assert len(stored(docs)[0]) == 3
    check_level(docs)
