"""Clusters of a collection: what a build stores, and how chunks that come and go are kept up with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select
from tersus.errors import InvalidInput
from tersus.indexes.kmeans import assign, suggest_k, train_centroids
from tersus.rag.clusters import (
    assign_new,
    build_clusters,
    chunks_in_clusters,
    clusters_of,
    ensure_clusters,
    load_centroids,
)
from tersus.rag.clusters import build as building
from tersus.rag.clusters import level as levelling
from tersus.rag.clusters.build import CollectionReplaced
from tersus.rag.ledger import ChunkClusterRepository, CollectionRepository, Database
from tersus.rag.ledger.clusterings import ClusteringRepository, NoClusters
from tersus.rag.ledger.errors import UnknownCollection
from tersus.rag.ledger.tables import ChunkCluster, Cluster, Clustering
from tersus.rag.retrieve import EmptyCollection

from tests.rag.clusters.cluster_fakes import MODEL, add, around, brute, check_level, middles, stored
from tests.rag.fakes import delete_documents

DIRECTIONS = middles(4, 16)


@pytest.fixture
def docs(database: Database) -> Database:
    """Four groups of 30 chunks."""
    for number, middle in enumerate(DIRECTIONS):
        add(database, f"group-{number}", around(middle, 30, 0.05, number))
    return database


def counts(database: Database) -> dict[str, int]:
    with database.session() as session:
        return {
            table.__tablename__: session.scalar(select(func.count()).select_from(table)) or 0
            for table in (Clustering, Cluster, ChunkCluster)
        }


def test_every_chunk_gets_the_nearest_centroid_and_groups_are_found(docs: Database) -> None:
    told: list[tuple[int, int]] = []
    report = build_clusters(docs, "docs", 4, advance=lambda done, total: told.append((done, total)))
    homes = check_level(docs)
    assert (report.clusters, report.asked, report.chunks, report.trained_on) == (4, 4, 120, 120)
    assert told[-1] == (120, 120)
    ids = sorted(homes)
    groups = [{homes[i] for i in ids[start : start + 30]} for start in range(0, 120, 30)]
    assert [len(group) for group in groups] == [1] * 4
    assert len(set.union(*groups)) == 4
    centroids, _, vectors = stored(docs)
    cosines = [float(centroids[homes[i]].astype(float) @ vectors[i]) for i in ids]
    assert report.similarity == pytest.approx(np.mean(cosines), abs=1e-6)
    with docs.session() as session:
        row = CollectionRepository(session).require("docs")
        clustering = ClusteringRepository(session).require(row)
        assert clustering.similarity == pytest.approx(np.mean(cosines), abs=1e-6)
        assert (clustering.size, clustering.last_chunk) == (120, max(ids))
        assert clustering.sequence == clustering.covered == row.sequence
        assert clustering.embedding_model == MODEL
        for one in ClusteringRepository(session).clusters(clustering):
            inside = [c for i, c in zip(ids, cosines, strict=True) if homes[i] == one.number]
            assert one.size == len(inside)
            assert one.similarity == pytest.approx(np.mean(inside), abs=1e-6)
        loaded = load_centroids(session, row)
        assert loaded is not None
        assert loaded.dtype == np.float32
        assert loaded.tobytes() == centroids.tobytes()


def test_the_seed_decides_and_the_number_is_suggested(docs: Database) -> None:
    first = build_clusters(docs, "docs", seed=3)
    before = stored(docs)
    assert first.asked == suggest_k(120)
    again = build_clusters(docs, "docs", seed=3)
    after = stored(docs)
    assert before[0].tobytes() == after[0].tobytes()
    assert before[1] == after[1]
    assert (again.similarity, again.clusters) == (first.similarity, first.clusters)
    ids = sorted(before[2])
    expected = train_centroids(np.stack([before[2][i] for i in ids]), first.asked, seed=3)
    used = sorted(set(brute(expected, before[2]).values()))
    assert before[0].tobytes() == expected[used].tobytes()


def test_clusters_are_learned_from_a_sample(docs: Database) -> None:
    report = build_clusters(docs, "docs", 4, sample=40, seed=1)
    assert (report.trained_on, report.chunks) == (40, 120)
    check_level(docs)
    assert build_clusters(docs, "docs", 4, sample=500).trained_on == 120
    for sample in (3, 0, -1):
        with pytest.raises(InvalidInput, match=f"sample of {sample}"):
            build_clusters(docs, "docs", 4, sample=sample)


def test_clusters_that_nobody_is_nearest_to_are_left_out(database: Database) -> None:
    add(database, "same", np.ones((20, 8)) / np.sqrt(8))
    report = build_clusters(database, "docs", 6)
    assert (report.asked, report.clusters) == (6, 1)
    assert set(check_level(database).values()) == {0}


def test_chunks_that_come_get_theirs_and_those_that_go_leave(docs: Database) -> None:
    build_clusters(docs, "docs", 4)
    before = check_level(docs)
    add(docs, "late", around(DIRECTIONS[2], 7, 0.05, 99))
    delete_documents(docs, "docs", "group-0")
    assert assign_new(docs, "docs") == 7
    after = check_level(docs)
    assert len(after) == 97
    assert {i: number for i, number in after.items() if i in before} == {
        i: number for i, number in before.items() if i in after
    }
    assert len({after[i] for i in after if i not in before}) == 1
    assert assign_new(docs, "docs") == 0
    with docs.session() as session:
        row = CollectionRepository(session).require("docs")
        clustering = ClusteringRepository(session).require(row)
        assert clustering.covered == row.sequence > clustering.sequence
        since = ChunkClusterRepository(session).came_since(clustering)
    assert since.size == 7


def test_new_chunks_are_assigned_in_pages_that_a_killed_run_leaves_right(
    docs: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_clusters(docs, "docs", 4)
    monkeypatch.setattr(levelling, "_PAGE", 10)
    add(docs, "late", around(DIRECTIONS[1], 35, 0.5, 98))
    calls = iter(range(100))

    def dies(*arguments: Any) -> Any:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return assign(*arguments)

    monkeypatch.setattr(levelling, "assign", dies)
    with pytest.raises(KeyboardInterrupt):
        assign_new(docs, "docs")
    centroids, homes, vectors = stored(docs)
    assert len(homes) == 140
    assert homes == brute(centroids, {i: vectors[i] for i in homes})
    monkeypatch.setattr(levelling, "assign", assign)
    assert assign_new(docs, "docs") == 15
    check_level(docs)


def test_searches_see_new_chunks_before_their_clusters_are_stored(docs: Database) -> None:
    build_clusters(docs, "docs", 4)
    add(docs, "late", around(DIRECTIONS[3], 5, 0.05, 97))
    add(docs, "elsewhere", around(DIRECTIONS[3], 2, 0.05, 96), collection="other")
    delete_documents(docs, "docs", "group-1")
    centroids, homes, vectors = stored(docs)
    expected = brute(centroids, vectors)
    assert len(homes) == len(expected) - 5
    with docs.session() as session:
        row = CollectionRepository(session).require("docs")
        ids = [*sorted(expected, reverse=True), 10**12, -1, *sorted(expected)[:3]]
        found = clusters_of(session, row, ids)
        assert found.tolist() == [expected.get(i, -1) for i in ids]
        plain = ChunkClusterRepository(session).clusters_of(row, ids)
        assert plain.tolist() == [homes.get(i, -1) for i in ids]
        assert clusters_of(session, row, []).shape == (0,)
        for numbers in ([0], [2, 0, 2], [], [3, 99, -1, 10**12], range(4)):
            inside = chunks_in_clusters(session, row, list(numbers))
            assert inside.dtype == np.int64
            assert inside.tolist() == sorted(i for i, number in expected.items() if number in numbers)
    assert counts(docs)["chunk_clusters"] == len(homes)  # reading stored nothing


def test_many_ids_are_looked_up_in_one_pass(docs: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from tersus.rag.ledger import chunk_clusters

    build_clusters(docs, "docs", 4)
    homes = check_level(docs)
    monkeypatch.setattr(chunk_clusters, "_MANY", 3)
    with docs.session() as session:
        row = CollectionRepository(session).require("docs")
        found = ChunkClusterRepository(session).clusters_of(row, list(homes))
        assert found.tolist() == list(homes.values())


def test_all_goes_with_the_collection(docs: Database) -> None:
    add(docs, "other", around(DIRECTIONS[0], 10, 0.05, 1), collection="other")
    build_clusters(docs, "docs", 4)
    build_clusters(docs, "other", 2)
    assert counts(docs) == {"clusterings": 2, "clusters": 6, "chunk_clusters": 130}
    build_clusters(docs, "docs", 3)
    assert counts(docs) == {"clusterings": 2, "clusters": 5, "chunk_clusters": 130}
    with docs.session(write=True) as session:
        CollectionRepository(session).delete("docs")
    assert counts(docs) == {"clusterings": 1, "clusters": 2, "chunk_clusters": 10}
    check_level(docs, "other")


def test_a_build_that_is_killed_leaves_the_old_clusters_whole(
    docs: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_clusters(docs, "docs", 4)
    before = stored(docs)
    add_rows = ChunkClusterRepository.add

    def dies(self: ChunkClusterRepository, clustering: Clustering, *columns: Any) -> int:
        add_rows(self, clustering, *(column[:50] for column in columns))
        raise KeyboardInterrupt

    monkeypatch.setattr(ChunkClusterRepository, "add", dies)
    with pytest.raises(KeyboardInterrupt):
        build_clusters(docs, "docs", 7)
    monkeypatch.undo()
    after = stored(docs)
    assert after[0].tobytes() == before[0].tobytes()
    assert after[1] == before[1]


def test_a_collection_that_changes_during_the_build_ends_level(
    docs: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(*arguments: Any, **options: Any) -> Any:
        found = train_centroids(*arguments, **options)
        delete_documents(docs, "docs", "group-3")
        add(docs, "during", around(DIRECTIONS[0], 9, 0.05, 55))
        return found

    def at_the_end(done: int, total: int) -> None:
        delete_documents(docs, "docs", "group-2")
        add(docs, "at the end", around(DIRECTIONS[1], 4, 0.05, 56))

    monkeypatch.setattr(building, "train_centroids", meanwhile)
    # The snapshot that is being assigned does not see what comes at the end; the last step does.
    build_clusters(docs, "docs", 4, advance=at_the_end)
    assert len(check_level(docs)) == 30 + 30 + 9 + 4


@pytest.mark.parametrize("again", [True, False])
def test_a_collection_that_is_replaced_or_emptied_during_the_build_is_noticed(
    docs: Database, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    def meanwhile(*arguments: Any, **options: Any) -> Any:
        if again:
            with docs.session(write=True) as session:
                CollectionRepository(session).delete("docs")
            add(docs, "new", around(DIRECTIONS[0], 9, 0.05, 55))
        else:
            delete_documents(docs, "docs", *(f"group-{number}" for number in range(4)))
        return train_centroids(*arguments, **options)

    monkeypatch.setattr(building, "train_centroids", meanwhile)
    with pytest.raises(CollectionReplaced) as caught:
        build_clusters(docs, "docs", 4)
    assert caught.value.hint
    assert counts(docs)["clusterings"] == 0


def test_what_cannot_be_clustered_is_said(database: Database) -> None:
    with pytest.raises(UnknownCollection):
        build_clusters(database, "docs")
    add(database, "a", around(DIRECTIONS[0], 3, 0.05, 1))
    with pytest.raises(NoClusters, match="tersus clusters --collection docs --build"):
        assign_new(database, "docs")
    with database.session() as session:
        row = CollectionRepository(session).require("docs")
        assert load_centroids(session, row) is None
        assert ChunkClusterRepository(session).clusters_of(row, [1, 2]).tolist() == [-1, -1]
        for read in (clusters_of, chunks_in_clusters):
            with pytest.raises(NoClusters):
                read(session, row, [1])
    for k in (4, 0, -1, True, 2.0, "2"):
        with pytest.raises(InvalidInput, match="3 chunks cannot have") as caught:
            build_clusters(database, "docs", k)  # type: ignore[arg-type]
        assert "from 1 to 3" in (caught.value.hint or "")
    delete_documents(database, "docs", "a")
    with pytest.raises(EmptyCollection):
        build_clusters(database, "docs")
    with pytest.raises(EmptyCollection):
        ensure_clusters(database, "docs")


def test_clusters_are_built_once_and_then_kept_level(docs: Database) -> None:
    ensure_clusters(docs, "docs")
    before = stored(docs)[0].tobytes()
    add(docs, "late", around(DIRECTIONS[2], 7, 0.05, 99))
    ensure_clusters(docs, "docs")
    assert stored(docs)[0].tobytes() == before
    assert len(check_level(docs)) == 127


def test_a_collection_that_lost_all_chunks_keeps_its_centroids(docs: Database) -> None:
    build_clusters(docs, "docs", 4)
    delete_documents(docs, "docs", *(f"group-{number}" for number in range(4)))
    assert assign_new(docs, "docs") == 0
    add(docs, "new", around(DIRECTIONS[1], 5, 0.05, 3))
    assert assign_new(docs, "docs") == 5
    check_level(docs)
