"""Corpus CRAG over the clusters of the collection."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from tersus.compressors.summarise import ExtractiveSummariser
from tersus.rag.clusters import build_clusters
from tersus.rag.crag import CragRetriever, build_crag
from tersus.rag.crag.listing import describe_crag
from tersus.rag.ledger import CollectionRepository, Database
from tersus.rag.ledger.crags import CragRepository
from tersus.rag.retrieve import EmptyCollection

from tests.rag.clusters.cluster_fakes import add, around, check_level, middles
from tests.rag.fakes import HashedEmbedding, delete_documents, fill

DIRECTIONS = middles(3, 12)
SUBJECTS = ["The lamp is bright.", "The pen leaks ink.", "The chair is hard."]


@pytest.fixture
def docs(database: Database) -> Database:
    for number, (middle, text) in enumerate(zip(DIRECTIONS, SUBJECTS, strict=True)):
        texts = [f"{text} Note {n} says so." for n in range(4 + number)]
        # A field of that name is passed over: the collection's clusters are meant.
        add(database, f"doc-{number}", around(middle, 4 + number, 0.05, number), texts, meta={"cluster": "x"})
    return database


def members(database: Database) -> dict[str, set[int]]:
    """The chunks of each group."""
    with database.session() as session:
        repository = CragRepository(session)
        crag = repository.require(CollectionRepository(session).require("docs"), "cluster")
        found = {}
        for label in repository.labels(crag):
            group = repository.group(crag, label)
            assert group is not None
            assert len(group.clusters) == 1
            found[label] = set(group.clusters[0].members)
        return found


def groups(homes: dict[int, int]) -> dict[str, set[int]]:
    return {str(n): {i for i in homes if homes[i] == n} for n in set(homes.values())}


def test_the_groups_are_the_clusters_each_summarised_as_one(docs: Database) -> None:
    build_clusters(docs, "docs", 3)
    report = build_crag(docs, "docs", "cluster")
    homes = check_level(docs)
    assert (report.groups, report.clusters, report.passages) == (3, 3, 15)
    assert members(docs) == groups(homes)
    assert sorted(Counter(homes.values()).values()) == [4, 5, 6]
    assert not describe_crag(docs, "docs", "cluster")["stale"]
    assert build_crag(docs, "docs", "cluster").summarised == 0


def test_clusters_are_built_where_there_are_none(docs: Database) -> None:
    build_crag(docs, "docs", "cluster")
    assert members(docs) == groups(check_level(docs))


def test_documents_that_come_and_go_change_their_clusters_alone(docs: Database) -> None:
    build_clusters(docs, "docs", 3)
    build_crag(docs, "docs", "cluster")
    add(docs, "new", around(DIRECTIONS[2], 1, 0.05, 40), ["The chair is green."])
    assert describe_crag(docs, "docs", "cluster")["stale"]
    report = build_crag(docs, "docs", "cluster")
    assert (report.summarised, report.reused) == (1, 2)
    assert members(docs) == groups(check_level(docs))
    delete_documents(docs, "docs", "doc-0")
    report = build_crag(docs, "docs", "cluster")
    assert (report.summarised, report.groups_removed) == (0, 1)
    assert members(docs) == groups(check_level(docs))
    delete_documents(docs, "docs", "doc-1", "doc-2", "new")
    with pytest.raises(EmptyCollection):
        build_crag(docs, "docs", "cluster")


def test_clusters_that_are_built_anew_make_it_stale(docs: Database) -> None:
    build_clusters(docs, "docs", 3)
    build_crag(docs, "docs", "cluster")
    build_crag(docs, "docs")
    build_clusters(docs, "docs", 2, seed=1)
    assert describe_crag(docs, "docs", "cluster")["stale"]
    assert not describe_crag(docs, "docs", "")["stale"]
    build_crag(docs, "docs", "cluster")
    assert members(docs) == groups(check_level(docs))
    assert len(members(docs)) == 2
    assert not describe_crag(docs, "docs", "cluster")["stale"]


def test_clusters_that_are_built_anew_meanwhile_make_it_stale(docs: Database) -> None:
    class Slow(ExtractiveSummariser):
        def summarise(self, jobs: Any) -> Any:
            if jobs and not done:
                done.append(True)
                build_clusters(docs, "docs", 2, seed=1)
            return super().summarise(jobs)

    done: list[bool] = []
    build_clusters(docs, "docs", 3)
    build_crag(docs, "docs", "cluster", summariser=Slow())
    assert done
    assert describe_crag(docs, "docs", "cluster")["stale"]
    build_crag(docs, "docs", "cluster")
    assert not describe_crag(docs, "docs", "cluster")["stale"]
    assert members(docs) == groups(check_level(docs))


def test_a_cluster_answers_a_question(database: Database) -> None:
    fill(database)
    build_clusters(database, "corpus", 2)
    build_crag(database, "corpus", "cluster")
    embedding = HashedEmbedding()
    found = CragRetriever(database, embedding, group_by="cluster").retrieve("zinc and iron rust", "corpus", 1)
    assert "rust" in found[0].text
    whole = CragRetriever(database, embedding, group_by="cluster", label=found[0].title)
    assert [one.text for one in whole.retrieve("?", "corpus", 9)] == [found[0].text]
