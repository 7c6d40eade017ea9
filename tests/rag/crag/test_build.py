"""Corpus-level CRAG: what is built, what is built again, and what a question gets."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select
from tersus.compressors import load_counter
from tersus.compressors.summarise import ExtractiveSummariser, Summary, SummaryJob
from tersus.errors import InvalidInput
from tersus.rag import Pipeline
from tersus.rag.crag import CragRetriever, build_crag
from tersus.rag.crag.groups import UnknownField
from tersus.rag.crag.listing import describe_crag
from tersus.rag.crag.plan import content_hash, plan_clusters
from tersus.rag.embedding import embed_texts, embedding_fingerprint
from tersus.rag.ledger import CollectionRepository, Database, DocumentRepository, NewChunk, NewDocument
from tersus.rag.ledger.crags import ChunkRow, CragChanged, CragRepository, StoredGroup, UnknownCrag
from tersus.rag.ledger.errors import UnknownCollection
from tersus.rag.ledger.tables import Chunk
from tersus.rag.retrieve import EmptyCollection

from tests.rag.fakes import HashedEmbedding, delete_documents, rows, settings

REVIEWS = {
    "lamp-1": ("lamp", "The lamp is bright. The lamp is bright and cheap."),
    "lamp-2": ("lamp", "Bright lamp for a cheap price."),
    "lamp-3": ("lamp", "The cable is too short. The cable of this lamp is short."),
    "lamp-4": ("lamp", "A short cable spoils it."),
    "pen-1": ("pen", "Ink leaks from the pen. My shirt is blue with ink."),
    "pen-2": ("pen", "The pen writes well on paper."),
}


class Counting(ExtractiveSummariser):
    """Notes how many summaries were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[SummaryJob] = []

    def summarise(self, jobs: Sequence[SummaryJob]) -> list[Summary]:
        self.jobs += jobs
        return super().summarise(jobs)


def add(database: Database, name: str, product: str | None, text: str) -> None:
    embedding = HashedEmbedding()
    vectors = embed_texts(embedding, [text])
    meta = {} if product is None else {"product": product}
    document = NewDocument(
        name,
        name,
        text,
        hashlib.sha256(text.encode()).hexdigest(),
        "text/plain",
        len(text),
        meta=meta,
        chunks=[NewChunk(0, len(text), name, text, vectors[0])],
    )
    with database.session(write=True) as session:
        row = CollectionRepository(session).get_or_create(
            "reviews", embedding_fingerprint(embedding), vectors.shape[1]
        )
        DocumentRepository(session).replace(row, document)


@pytest.fixture
def reviews(database: Database) -> Database:
    for name, (product, text) in REVIEWS.items():
        add(database, name, product, text)
    return database


def group(database: Database, label: str) -> dict[str, Any]:
    found: dict[str, Any] = describe_crag(database, "reviews", "product", label)["groups"][0]
    return found


def test_every_passage_is_in_one_cluster_of_its_group_and_sentences_name_their_passages(
    reviews: Database,
) -> None:
    report = build_crag(reviews, "reviews", "product", clusters=2)
    assert (report.groups, report.clusters, report.passages) == (2, 4, 6)
    assert (report.summarised, report.reused) == (4, 0)
    with reviews.session() as session:
        texts = {chunk.id: chunk.text for chunk in session.scalars(select(Chunk))}
    assert sum(one["passages"] for one in group(reviews, "lamp")["summaries"]) == 4
    for label in ("lamp", "pen"):
        for one in group(reviews, label)["summaries"]:
            assert one["sentences"]
            assert one["tokens"] <= 96
            for sentence in one["sentences"]:
                assert any(sentence["text"] in texts[source] for source in sentence["sources"])


def test_nothing_is_summarised_again_where_nothing_changed(reviews: Database) -> None:
    build_crag(reviews, "reviews", "product")
    before = group(reviews, "lamp")
    counting = Counting()
    report = build_crag(reviews, "reviews", "product", summariser=counting)
    assert counting.jobs == []
    assert (report.summarised, report.reused) == (0, report.clusters)
    assert group(reviews, "lamp") == before


def test_only_clusters_that_changed_are_summarised_again(database: Database) -> None:
    for number in range(12):
        add(database, f"a{number}", "x", f"The lamp is bright and lights room {number % 3}.")
        add(database, f"b{number}", "x", f"Ink leaks from pen and shirt {number % 3}.")
    add(database, "other", "y", "Nothing of this changes.")
    build_crag(database, "reviews", "product", clusters=2)
    counting = Counting()
    add(database, "a-new", "x", "The lamp is bright, and it lights room 7.")
    report = build_crag(database, "reviews", "product", clusters=2, summariser=counting)
    assert (report.summarised, report.reused) == (1, 2)
    assert len(counting.jobs) == 1
    assert "room 7" in " ".join(counting.jobs[0].texts)
    assert not any("pen" in text for text in counting.jobs[0].texts)
    counting.jobs.clear()
    delete_documents(database, "reviews", "b0")
    report = build_crag(database, "reviews", "product", clusters=2, summariser=counting)
    assert (report.summarised, report.reused) == (1, 2)
    assert all("pen" in text for text in counting.jobs[0].texts)


def test_a_group_that_changed_much_is_clustered_anew_and_one_without_passages_goes(
    reviews: Database,
) -> None:
    build_crag(reviews, "reviews", "product", clusters=1)
    assert group(reviews, "pen")["clusters"] == 1
    delete_documents(reviews, "reviews", "lamp-1", "lamp-2", "lamp-3", "lamp-4")
    assert describe_crag(reviews, "reviews")["stale"]
    report = build_crag(reviews, "reviews", "product", clusters=1)
    assert (report.groups, report.groups_removed, report.reused) == (1, 1, 1)
    assert [one["group"] for one in describe_crag(reviews, "reviews")["groups"]] == ["pen"]
    assert not describe_crag(reviews, "reviews")["stale"]
    for number in range(3):
        add(reviews, f"pen-new-{number}", "pen", f"A new pen of kind {number} with a golden tip.")
    report = build_crag(reviews, "reviews", "product", clusters=2)
    assert group(reviews, "pen")["clusters"] == 2


def test_another_size_or_summariser_writes_all_summaries_again(reviews: Database) -> None:
    build_crag(reviews, "reviews", "product", clusters=2)
    report = build_crag(reviews, "reviews", "product", clusters=2, max_tokens=20)
    assert (report.summarised, report.reused) == (report.clusters, 0)
    count = load_counter()
    for one in group(reviews, "lamp")["summaries"]:
        text = " ".join(sentence["text"] for sentence in one["sentences"])
        assert count(text) == one["tokens"] <= 20


def test_a_build_that_is_killed_leaves_whole_groups_and_the_next_goes_on(reviews: Database) -> None:
    class Dies(Counting):
        def summarise(self, jobs: Sequence[SummaryJob]) -> list[Summary]:
            if any("pen" in text for job in jobs for text in job.texts):
                raise KeyboardInterrupt
            return super().summarise(jobs)

    with pytest.raises(KeyboardInterrupt):
        build_crag(reviews, "reviews", "product", clusters=2, summariser=Dies())
    found = describe_crag(reviews, "reviews", "product")
    assert [(one["group"], one["clusters"]) for one in found["groups"]] == [("lamp", 2)]
    assert found["stale"]
    counting = Counting()
    counting_fingerprint = Dies().fingerprint
    assert counting.fingerprint == counting_fingerprint
    report = build_crag(reviews, "reviews", "product", clusters=2, summariser=counting)
    assert (report.summarised, report.reused) == (2, 2)


def test_of_two_builds_at_once_the_slower_one_notices(reviews: Database) -> None:
    build_crag(reviews, "reviews", "product")
    with reviews.session(write=True) as session:
        repository = CragRepository(session)
        crag = repository.require(CollectionRepository(session).require("reviews"))
        stored = repository.group(crag, "lamp")
        assert stored is not None
        late = StoredGroup("lamp", None, 4, None, stored.revision - 1, stored.clusters)
        with pytest.raises(CragChanged):
            repository.replace(crag, late)


def test_several_builders_at_once_leave_one_whole_build(reviews: Database) -> None:
    def work(_: int) -> str:
        try:
            build_crag(reviews, "reviews", "product", clusters=2)
        except CragChanged as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(work, range(4)))
    assert "done" in outcomes
    assert set(outcomes) <= {"done", "crag_changed"}
    found = describe_crag(reviews, "reviews", "product")
    assert [(g["group"], g["passages"], g["clusters"]) for g in found["groups"]] == [
        ("lamp", 4, 2),
        ("pen", 2, 2),
    ]


def test_a_group_is_the_context_or_the_clusters_nearest_to_the_question(
    reviews: Database, tmp_path: Path
) -> None:
    build_crag(reviews, "reviews", "product", clusters=2)
    embedding = HashedEmbedding()
    whole = CragRetriever(reviews, embedding, label="lamp").retrieve("anything", "reviews", 1)
    assert len(whole) == 2
    assert {passage.title for passage in whole} == {"lamp"}
    nearest = CragRetriever(reviews, embedding).retrieve("Ink leaks from the pen", "reviews", 2)
    assert len(nearest) == 2
    assert nearest[0].title == "pen"
    assert "Ink leaks" in nearest[0].text
    assert (nearest[0].score or 0) >= (nearest[1].score or 0)
    pipeline = Pipeline(settings(tmp_path), reviews, CragRetriever(reviews, embedding, label="lamp"))
    result = pipeline.query("How is the lamp?", "reviews", compress=False, context_only=True)
    assert all(passage.text in result.context for passage in whole)
    (row,) = rows(reviews)
    assert row.tokens_saved == 0


def test_passages_without_the_field_are_a_group_of_their_own(reviews: Database) -> None:
    add(reviews, "stray", None, "Nobody knows what this is about.")
    build_crag(reviews, "reviews", "product")
    assert [one["group"] for one in describe_crag(reviews, "reviews")["groups"]] == ["", "lamp", "pen"]


def test_without_a_field_the_collection_is_one_group(reviews: Database) -> None:
    report = build_crag(reviews, "reviews")
    assert report.groups == 1
    build_crag(reviews, "reviews", "product")
    with pytest.raises(UnknownCrag, match="several fields"):
        describe_crag(reviews, "reviews")


def test_what_cannot_be_built_or_found_is_said(reviews: Database) -> None:
    with pytest.raises(UnknownField) as missing:
        build_crag(reviews, "reviews", "maker")
    assert "product" in str(missing.value.hint)
    with pytest.raises(InvalidInput, match="clusters"):
        build_crag(reviews, "reviews", clusters=0)
    with pytest.raises(UnknownCrag, match="no summaries"):
        describe_crag(reviews, "reviews")
    with pytest.raises(UnknownCollection):
        build_crag(reviews, "nowhere")
    build_crag(reviews, "reviews", "product")
    with pytest.raises(UnknownCrag, match="'desk'"):
        CragRetriever(reviews, HashedEmbedding(), label="desk").retrieve("?", "reviews", 1)
    delete_documents(reviews, "reviews", *REVIEWS)
    with pytest.raises(EmptyCollection):
        build_crag(reviews, "reviews", "product")


def test_new_passages_join_the_cluster_with_the_nearest_centroid() -> None:
    def chunk(number: int, *vector: float) -> ChunkRow:
        return ChunkRow(number, "", f"text {number}", np.array(vector, dtype="<f4").tobytes(), {})

    east, north = [chunk(n, 1.0, n / 100) for n in range(8)], [chunk(10 + n, n / 100, 1.0) for n in range(8)]
    planned, size, _ = plan_clusters([*east, *north], None, clusters=2, dimension=2)
    assert size == 16
    from tersus.rag.ledger.crags import StoredCluster

    stored = StoredGroup(
        "g",
        2,
        size,
        None,
        1,
        tuple(
            StoredCluster(p.centroid, {c.id: True for c in p.chunks}, "k", 1, None, (), n)
            for n, p in enumerate(planned)
        ),
    )
    again, _, _ = plan_clusters([*east[1:], *north, chunk(50, 0.2, 0.9)], stored, clusters=2, dimension=2)
    homes = {frozenset(c.id for c in p.chunks) for p in again}
    assert homes == {frozenset(range(1, 8)), frozenset([*range(10, 18), 50])}
    assert all(50 not in p.founders for p in again)


def test_a_content_hash_names_title_and_text() -> None:
    assert content_hash("T", "text") == content_hash("T", "text") != content_hash("U", "text")
    assert content_hash("T", "text") != content_hash("T", "texts")
    assert len(content_hash("\ud800", "\ud800")) == 32


def test_a_build_killed_after_another_number_was_asked_is_made_good_by_the_next(reviews: Database) -> None:
    class Dies(Counting):
        def summarise(self, jobs: Sequence[SummaryJob]) -> list[Summary]:
            if any("pen" in text for job in jobs for text in job.texts):
                raise KeyboardInterrupt
            return super().summarise(jobs)

    build_crag(reviews, "reviews", "product", clusters=1)
    with pytest.raises(KeyboardInterrupt):
        build_crag(reviews, "reviews", "product", clusters=2, summariser=Dies())
    assert (group(reviews, "lamp")["clusters"], group(reviews, "pen")["clusters"]) == (2, 1)
    build_crag(reviews, "reviews", "product", clusters=2)
    assert (group(reviews, "lamp")["clusters"], group(reviews, "pen")["clusters"]) == (2, 2)


def test_tokens_spent_by_a_build_that_was_killed_are_recorded(reviews: Database) -> None:
    class Spends(Counting):
        def __init__(self, *, dies: bool) -> None:
            super().__init__()
            self.dies = dies

        def summarise(self, jobs: Sequence[SummaryJob]) -> list[Summary]:
            if self.dies and any("pen" in text for job in jobs for text in job.texts):
                raise KeyboardInterrupt
            return [replace(summary, tokens_used=10) for summary in super().summarise(jobs)]

    with pytest.raises(KeyboardInterrupt):
        build_crag(reviews, "reviews", "product", clusters=2, summariser=Spends(dies=True))
    assert describe_crag(reviews, "reviews")["overhead_tokens"] == 20
    build_crag(reviews, "reviews", "product", clusters=2, summariser=Spends(dies=False))
    assert describe_crag(reviews, "reviews")["overhead_tokens"] == 40
