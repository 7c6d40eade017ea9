"""Neighbours around a hit: slices of the document, nothing twice."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select
from tersus.rag.index_store import IndexStore
from tersus.rag.ledger import CollectionRepository, Database, DocumentRepository, NewChunk, NewDocument
from tersus.rag.ledger.tables import Chunk
from tersus.rag.retrieve import Retriever
from tersus.rag.search import Equals, SearchOptions
from tersus.rag.search.window import Widened, widened

from tests.rag import fakes


def store(
    database: Database,
    name: str,
    text: str,
    spans: Sequence[tuple[int, int]],
    texts: Sequence[str] | None = None,
) -> list[int]:
    """A document cut at ``spans``; ids of its chunks in order."""
    pieces = texts or [text[start:end] for start, end in spans]
    chunks = [
        NewChunk(start, end, "Title", piece, np.ones(2, dtype=np.float32), {"place": place})
        for place, ((start, end), piece) in enumerate(zip(spans, pieces, strict=True))
    ]
    with database.session(write=True) as session:
        row = CollectionRepository(session).get_or_create("corpus", "test", 2)
        new = NewDocument(name, name, text, f"{random.random()}", "text/plain", len(text), chunks=chunks)
        DocumentRepository(session).replace(row, new)
        document = DocumentRepository(session).get(row, name)
        assert document is not None
        statement = select(Chunk.id).where(Chunk.document_id == document.id).order_by(Chunk.position)
        return list(session.scalars(statement))


def widen(
    database: Database, hits: Sequence[int], window: int, allowed: set[int] | None = None
) -> list[Widened]:
    with database.session() as session:
        found = {c.id: c for c in session.scalars(select(Chunk).where(Chunk.id.in_(hits)))}
        return widened(session, [found[hit] for hit in hits], window, allowed)


TEXT = (
    "Zeroth 𝄞 one.\n\nFirst é two.  \tSecond 日本 three.\nThird four. Fourth five.\n\n\nFifth six.   Sixth."
)
SPANS = [(0, 13), (15, 27), (30, 46), (47, 58), (59, 71), (74, 84), (87, 93)]


def test_spans_of_this_test_cover_the_text() -> None:
    rest, last = "", 0
    for start, end in SPANS:
        rest, last = rest + TEXT[last:start], end
    assert not (rest + TEXT[last:]).strip()


@pytest.mark.parametrize(
    ("hits", "window", "expected"),
    [
        ([3], 1, [(2, 4)]),
        ([0], 2, [(0, 2)]),
        ([6], 2, [(4, 6)]),
        ([3], 100, [(0, 6)]),
        ([5, 1], 1, [(4, 6), (0, 2)]),
        ([4, 1], 1, [(3, 5), (0, 2)]),
        ([4, 2], 1, [(1, 5)]),
        ([1, 5, 3], 1, [(0, 6)]),
        ([0, 6, 3], 1, [(0, 1), (5, 6), (2, 4)]),
        ([2, 3, 2 + 2], 0, [(2, 2), (3, 3), (4, 4)]),
    ],
)
def test_a_hit_and_its_neighbours_are_the_documents_own_text(
    database: Database, hits: list[int], window: int, expected: list[tuple[int, int]]
) -> None:
    ids = store(database, "a", TEXT, SPANS)
    store(database, "b", TEXT, SPANS)
    found = widen(database, [ids[hit] for hit in hits], window)
    slices = [(SPANS[first][0], SPANS[last][1]) for first, last in expected]
    assert [(one.offset, one.text) for one in found] == [(start, TEXT[start:end]) for start, end in slices]
    assert ids.index(found[0].hit.id) == hits[0]


def test_any_hits_give_each_chunk_once_and_all_that_is_around(database: Database) -> None:
    documents = {name: store(database, name, TEXT, SPANS) for name in "abc"}
    owner = {number: name for name, ids in documents.items() for number in ids}
    dice = random.Random(7)
    for _ in range(60):
        hits = dice.sample(list(owner), dice.randrange(1, 9))
        window = dice.randrange(4)
        found = widen(database, hits, window)
        covered: list[tuple[str, int]] = []
        for one in found:
            assert TEXT[one.offset : one.offset + len(one.text)] == one.text
            end = one.offset + len(one.text)
            covered += [
                (owner[one.hit.id], place) for place, span in enumerate(SPANS) if one.offset <= span[0] < end
            ]
        expected = {
            (owner[hit], place)
            for hit in hits
            for place in range(len(SPANS))
            if abs(place - documents[owner[hit]].index(hit)) <= window
        }
        assert sorted(covered) == sorted(expected)
        order = [hits.index(one.hit.id) for one in found]
        assert order == sorted(order)
        assert order[0] == 0


def test_a_neighbour_that_the_filter_excludes_is_never_shown(database: Database) -> None:
    ids = store(database, "a", TEXT, SPANS)
    (found,) = widen(database, [ids[3]], 3, {ids[1], ids[2], ids[3], ids[5]})
    assert found.text == TEXT[SPANS[1][0] : SPANS[3][1]]


def test_positions_without_a_chunk_end_the_run(database: Database) -> None:
    ids = store(database, "a", TEXT, SPANS)
    with database.session(write=True) as session:
        session.delete(session.get(Chunk, ids[2]))
    (found,) = widen(database, [ids[3]], 2)
    assert found.text == TEXT[SPANS[3][0] : SPANS[5][1]]


def test_chunks_that_overlap_or_are_no_slices_are_joined_without_what_both_have(database: Database) -> None:
    overlapping = store(database, "a", TEXT, [(0, 27), (15, 46), (30, 58)])
    (found,) = widen(database, overlapping[1:2], 1)
    assert (found.offset, found.text) == (0, TEXT[:58])
    # Of documents whose text was not kept, offsets still tell what overlaps.
    apart = store(database, "b", " " * 20, [(0, 5), (3, 8), (8, 12)], ["abcde", "defgh", "wxyz"])
    (found,) = widen(database, apart[:1], 2)
    assert (found.offset, found.text) == (0, "abcdefgh\nwxyz")
    rewritten = store(database, "c", TEXT, [(0, 5), (3, 8)], ["One text.", "Another text."])
    (found,) = widen(database, rewritten[:1], 1)
    assert found.text == "One text.\nAnother text."


def test_through_the_retriever(database: Database, tmp_path: Path) -> None:
    fakes.fill(database)
    source = Retriever(database, IndexStore(tmp_path, database), fakes.HashedEmbedding())
    found = source.retrieve("spring tides come at new and full moon", "corpus", 1, SearchOptions(window=1))
    whole = "\n".join(fakes.CORPUS["tides"])
    assert [(p.offset, p.text, p.document_id) for p in found] == [(0, whole, "tides")]
    plain = source.retrieve("spring tides come at new and full moon", "corpus", 1)
    assert (found[0].id, found[0].score) == (plain[0].id, plain[0].score)
    (alone,) = source.retrieve(
        "spring tides", "corpus", 1, SearchOptions(window=5, filter=Equals("document_id", "rust"))
    )
    assert alone.text == fakes.CORPUS["rust"][0]
