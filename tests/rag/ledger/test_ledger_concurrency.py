"""Many at once: nothing lost, nothing twice, nobody fails because somebody else writes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier, Event
from typing import TypeVar

import numpy as np
from sqlalchemy import func, select
from tersus.rag.ledger import NewQuery, QueryRepository
from tersus.rag.ledger.chunks import ChunkRepository
from tersus.rag.ledger.collections import CollectionRepository
from tersus.rag.ledger.documents import DocumentRepository
from tersus.rag.ledger.engine import Database
from tersus.rag.ledger.errors import QueryFinished
from tersus.rag.ledger.new_document import NewChunk, NewDocument
from tersus.rag.ledger.savings import savings
from tersus.rag.ledger.tables import Document, Vector

T = TypeVar("T")


def together(*jobs: Callable[[], T]) -> list[T]:
    """Run the jobs in a thread each, released at the same moment; their results, or the first error."""
    barrier = Barrier(len(jobs))

    def run(job: Callable[[], T]) -> T:
        barrier.wait()
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [future.result() for future in [pool.submit(run, job) for job in jobs]]


def document(text: str, pieces: int) -> NewDocument:
    return NewDocument(
        external_id="same", title="t", text=text, content_hash=hashlib.sha256(text.encode()).hexdigest(),
        media_type="text/plain", size_bytes=len(text),
        chunks=[
            NewChunk(start=i, end=i + 1, title="t", text=text[i], vector=np.full(2, i, dtype=np.float32))
            for i in range(pieces)
        ],
    )  # fmt: skip


def test_eight_threads_of_queries_lose_none(database: Database) -> None:
    def work(thread: int) -> list[str]:
        ids = []
        for number in range(6):
            with database.session(write=True) as session:
                query_id = QueryRepository(session).start(
                    NewQuery(kind="query", question=f"{thread}/{number}")
                )
            with database.session(write=True) as session:
                QueryRepository(session).finish(
                    query_id, outcome="compressed", tokens_before=100, tokens_after=thread
                )
            ids.append(query_id)
        return ids

    written = together(*(partial(work, thread) for thread in range(8)))
    with database.session() as session:
        found = {query.id: query.question for query in QueryRepository(session).list(limit=1000)}
        total = savings(session).total
    expected = {
        query_id: f"{thread}/{number}"
        for thread, ids in enumerate(written)
        for number, query_id in enumerate(ids)
    }
    assert found == expected
    assert len(found) == 48
    assert total.tokens_saved == sum(6 * (100 - thread) for thread in range(8))


def test_two_writers_of_the_same_document_leave_it_once(database: Database) -> None:
    with database.session(write=True) as session:
        collection = CollectionRepository(session).create("a", "m", 2)

    def replace(new: NewDocument) -> str:
        with database.session(write=True) as session:
            return DocumentRepository(session).replace(collection, new)

    same = document("abc", 3)
    outcomes = together(lambda: replace(same), lambda: replace(same))
    assert sorted(outcomes) == ["added", "unchanged"]
    others = [document("defgh", 5), document("ij", 2)]
    assert together(lambda: replace(others[0]), lambda: replace(others[1])) == ["replaced", "replaced"]

    with database.session() as session:
        stored = DocumentRepository(session).get(collection, "same")
        assert stored is not None
        chunks = ChunkRepository(session).get(ChunkRepository(session).ids(collection))
        assert (
            "".join(chunk.text for chunk in sorted(chunks, key=lambda chunk: chunk.position)) == stored.text
        )
        assert stored.text in ("defgh", "ij")
        assert session.scalar(select(func.count()).select_from(Document)) == 1
        assert session.scalar(select(func.count()).select_from(Vector)) == len(stored.text)
        assert CollectionRepository(session).require("a").sequence == 3


def test_two_makers_of_the_same_collection_get_the_same_one(database: Database) -> None:
    def make() -> int:
        with database.session(write=True) as session:
            return CollectionRepository(session).get_or_create("a", "m", 2).id

    ids = together(*[make] * 4)
    assert len(set(ids)) == 1


def test_a_writer_that_reads_first_is_not_refused_when_another_comes(database: Database) -> None:
    """What breaks SQLite's deferred transactions: read, be overtaken, write."""
    with database.session(write=True) as session:
        collection = CollectionRepository(session).create("a", "m", 2)
    has_read, other_is_done = Event(), Event()

    def first() -> int:
        with database.session(write=True) as session:
            assert CollectionRepository(session).require("a").sequence == 0
            has_read.set()
            other_is_done.wait(0.3)  # on SQLite the other cannot finish before this one
            return CollectionRepository(session).advance(collection)

    def second() -> int:
        has_read.wait()
        with database.session(write=True) as session:
            sequence = CollectionRepository(session).advance(collection)
        other_is_done.set()
        return sequence

    assert sorted(together(first, second)) == [1, 2]


def test_of_two_that_finish_the_same_query_one_is_refused(database: Database) -> None:
    with database.session(write=True) as session:
        query_id = QueryRepository(session).start(NewQuery(kind="query", question="q"))

    def finish(answer: str) -> str:
        try:
            with database.session(write=True) as session:
                QueryRepository(session).finish(query_id, outcome="compressed", answer=answer)
        except QueryFinished:
            return "refused"
        return answer

    outcomes = together(lambda: finish("a"), lambda: finish("b"))
    with database.session() as session:
        query = QueryRepository(session).get(query_id)
    assert query is not None
    assert sorted(outcomes) == sorted([str(query.answer), "refused"])
