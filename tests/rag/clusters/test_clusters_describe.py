"""What is shown of clusters, against figures worked out from the stored vectors."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from tersus.rag.clusters import build_clusters, describe_clusters
from tersus.rag.clusters import describe as describing
from tersus.rag.ledger import Database
from tersus.rag.ledger.clusterings import NoClusters

from tests.rag.clusters.cluster_fakes import add, around, middles, stored
from tests.rag.fakes import delete_documents

DIRECTIONS = middles(3, 12)
SUBJECTS = ["bright lamps shine", "leaking pens spill ink", "тихие кошки спят"]
SIZES = [5, 20, 10]


@pytest.fixture
def docs(database: Database) -> Database:
    for number, (middle, subject, size) in enumerate(zip(DIRECTIONS, SUBJECTS, SIZES, strict=True)):
        texts = [f"{subject}  in\nroom{chr(97 + n)}" for n in range(size)]
        add(database, f"doc-{number}", around(middle, size, 0.1, number), texts)
    build_clusters(database, "docs", 3)
    return database


def test_clusters_are_shown_by_size_with_their_figures(docs: Database) -> None:
    found = describe_clusters(docs, "docs", terms=3, passages=2)
    centroids, homes, vectors = stored(docs)
    cosine = {i: float(centroids[homes[i]].astype(float) @ vectors[i].astype(float)) for i in homes}
    assert [one["chunks"] for one in found["clusters"]] == [20, 10, 5]
    assert found["chunks"] == 35
    assert (found["came"], found["went"], found["rebuild"]) == (0, 0, None)
    assert found["similarity"] == found["similarity_then"] == pytest.approx(np.mean(list(cosine.values())))
    assert found["similarity_of_new"] is None
    sizes = Counter(homes.values())
    for one in found["clusters"]:
        inside = {i: cosine[i] for i in homes if homes[i] == one["cluster"]}
        assert one["chunks"] == one["chunks_then"] == sizes[one["cluster"]]
        assert one["share"] == pytest.approx(one["chunks"] / 35)
        assert one["similarity"] == pytest.approx(np.mean(list(inside.values())), abs=1e-6)
        best = sorted(inside, key=lambda i: -inside[i])[:2]
        assert [passage["id"] for passage in one["passages"]] == best
        assert [passage["similarity"] for passage in one["passages"]] == pytest.approx(
            [inside[i] for i in best], abs=1e-6
        )
    largest = found["clusters"][0]
    assert set(largest["terms"]) <= {"leaking", "pens", "spill", "ink"}
    assert len(largest["terms"]) == 3
    assert largest["passages"][0]["document"] == "doc-1"
    assert largest["passages"][0]["text"].startswith("leaking pens spill ink in room")
    assert set(found["clusters"][1]["terms"]) == {"тихие", "кошки", "спят"}


def test_less_can_be_asked_for(docs: Database) -> None:
    found = describe_clusters(docs, "docs", terms=0, passages=0, limit=2)
    assert [one["chunks"] for one in found["clusters"]] == [20, 10]
    assert found["clusters_in_all"] == 3
    assert all(one["terms"] == one["passages"] == [] for one in found["clusters"])


def test_terms_are_counted_in_the_most_central_chunks(
    docs: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(describing, "_TEXTS", 3)
    monkeypatch.setattr(describing, "_LEAST_TEXTS", 1)
    found = describe_clusters(docs, "docs", terms=50, passages=1)
    for one in found["clusters"]:
        assert set(one["terms"]) == set(one["passages"][0]["text"].lower().split()) - {"in"}


def test_chunks_that_come_and_go_are_shown_and_much_change_asks_for_a_rebuild(docs: Database) -> None:
    add(docs, "new", around(DIRECTIONS[0], 4, 0.1, 50))
    found = describe_clusters(docs, "docs")
    assert (found["chunks"], found["came"], found["went"], found["rebuild"]) == (39, 4, 0, None)
    assert found["similarity_of_new"] is not None
    delete_documents(docs, "docs", "doc-0")
    found = describe_clusters(docs, "docs")
    assert (found["chunks"], found["came"], found["went"]) == (34, 4, 5)
    assert found["rebuild"] == "4 chunks came and 5 went since 35 were clustered"
    build_clusters(docs, "docs", 3)
    assert describe_clusters(docs, "docs")["rebuild"] is None
    delete_documents(docs, "docs", "doc-1", "doc-2", "new")
    found = describe_clusters(docs, "docs")
    assert (found["chunks"], found["similarity"]) == (0, None)
    assert [one["chunks"] for one in found["clusters"]] == [0, 0, 0]
    assert [one["similarity"] for one in found["clusters"]] == [None] * 3


def test_chunks_that_fit_no_cluster_ask_for_a_rebuild(docs: Database) -> None:
    add(docs, "strange", -around(DIRECTIONS[0], 2, 0.1, 51))
    found = describe_clusters(docs, "docs")
    assert found["similarity_of_new"] < 0.5
    assert "mean cosine to the centroids fell from" in found["rebuild"]


def test_clusters_that_were_not_built_are_not_shown(database: Database) -> None:
    add(database, "a", around(DIRECTIONS[0], 3, 0.05, 1))
    with pytest.raises(NoClusters):
        describe_clusters(database, "docs")
