"""BM25 against its formula over SQL's own chunks, also while documents come and go."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tersus.errors import InvalidInput
from tersus.rag.ledger import ChunkRepository, CollectionRepository, Database
from tersus.rag.ledger.errors import UnknownCollection
from tersus.rag.search.bm25 import K1, B, Bm25Store
from tersus.rag.search.words import words_of

from tests.rag import fakes

WORDS = ["iron", "zinc", "moon", "sea", "bread", "salt", "tide", "oven", "東京", "the"]


def contents(database: Database, name: str = "corpus") -> dict[int, str]:
    """Chunk id to what is searched of it."""
    with database.session() as session:
        row = CollectionRepository(session).require(name)
        chunks = ChunkRepository(session).get(ChunkRepository(session).ids(row))
        return {chunk.id: f"{chunk.title}\n{chunk.text}" for chunk in chunks}


def by_formula(texts: dict[int, str], question: str) -> dict[int, float]:
    """BM25 in double precision, straight from its definition, of chunks that share a word."""
    bags = {number: Counter(words_of([text])[0]) for number, text in texts.items()}
    mean = sum(bag.total() for bag in bags.values()) / max(1, len(bags))
    scores: dict[int, float] = {}
    for word in words_of([question])[0]:
        holders = [number for number, bag in bags.items() if word in bag]
        idf = math.log(1 + (len(bags) - len(holders) + 0.5) / (len(holders) + 0.5))
        for number in holders:
            count, length = bags[number][word], bags[number].total()
            scores[number] = scores.get(number, 0) + idf * count / (count + K1 * (1 - B + B * length / mean))
    return scores


def check(
    store: Bm25Store, database: Database, questions: Sequence[str], k: int, allowed: Any = None
) -> None:
    found = store.search("corpus", questions, k, allowed=allowed)
    assert found.ids.shape == found.scores.shape == (len(questions), k)
    texts = contents(database)
    for question, ids, scores in zip(questions, found.ids.tolist(), found.scores.tolist(), strict=True):
        expected = by_formula(texts, question)
        if allowed is not None:
            expected = {
                number: score for number, score in expected.items() if number in set(allowed.tolist())
            }
        count = min(k, len(expected))
        assert ids[count:] == [-1] * (k - count)
        assert scores[count:] == [-np.inf] * (k - count)
        assert [expected[number] for number in ids[:count]] == pytest.approx(scores[:count], rel=1e-5)
        assert sorted(expected.values(), reverse=True)[:count] == pytest.approx(scores[:count], rel=1e-5)
        assert len(set(ids[:count])) == count
        pairs = [(-score, number) for score, number in zip(scores[:count], ids[:count], strict=True)]
        assert pairs == sorted(pairs)


def test_scores_are_the_formulas(database: Database) -> None:
    fakes.fill(database)
    store = Bm25Store(database)
    questions = [
        "iron rusting",
        "the moon the moon",
        "salt and yeast in the oven",
        "nothing here is known",
        "",
        "!?",
    ]
    check(store, database, questions, 3)
    check(store, database, questions, 50)
    everything = np.array(list(contents(database)), dtype=np.int64)
    check(store, database, questions, 2, allowed=everything[::2])
    check(store, database, questions, 2, allowed=np.append(everything[:1], 10**12))
    check(store, database, questions, 2, allowed=everything[:0])
    assert store.search("corpus", [], 2).ids.shape == (0, 2)


texts = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)
changes = st.lists(
    st.tuples(st.sampled_from("abcd"), st.lists(texts, max_size=3) | st.none()), min_size=1, max_size=6
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.lists(st.tuples(changes, st.lists(texts, min_size=1, max_size=3)), min_size=1, max_size=4),
    st.randoms(),
)
def test_after_any_changes_it_is_as_if_made_anew(database: Database, steps: Any, dice: random.Random) -> None:
    fakes.add_document(database, "corpus", "first", ["the first document"])
    store = Bm25Store(database)
    for documents, questions in steps:
        for external_id, chunks in documents:
            if chunks is None:
                fakes.delete_documents(database, "corpus", external_id)
            else:
                fakes.add_document(database, "corpus", external_id, chunks)
        ids = list(contents(database))
        some = np.array(dice.sample(ids, dice.randrange(len(ids) + 1)), dtype=np.int64)
        check(store, database, questions, dice.randrange(1, 5))
        check(store, database, questions, 3, allowed=some)


def test_equal_scores_go_by_id_also_where_k_cuts_them(database: Database) -> None:
    for number in range(12):
        fakes.add_document(
            database, "corpus", f"d{number:02}", ["iron and zinc"] if number % 3 else ["iron iron"]
        )
    check(Bm25Store(database), database, ["iron", "zinc"], 5)


def test_collections_without_words_or_chunks_give_nothing(database: Database) -> None:
    store = Bm25Store(database)
    with pytest.raises(UnknownCollection):
        store.search("corpus", ["x"], 1)
    fakes.add_document(database, "corpus", "a", ["x"])
    fakes.delete_documents(database, "corpus", "a")
    assert store.search("corpus", ["x"], 1).ids.tolist() == [[-1]]
    with pytest.raises(InvalidInput):
        store.search("corpus", ["x"], 0)


def test_a_collection_made_anew_under_its_name_is_another_one(database: Database) -> None:
    store = Bm25Store(database)
    fakes.add_document(database, "corpus", "a", ["iron"])
    assert store.search("corpus", ["iron"], 1).ids.min() > 0
    with database.session(write=True) as session:
        CollectionRepository(session).delete("corpus")
    fakes.add_document(database, "corpus", "b", ["zinc"])
    assert store.search("corpus", ["iron"], 1).ids.tolist() == [[-1]]
    check(store, database, ["zinc", "iron"], 2)
    assert len(store._known) == 1


def test_words_of_deleted_chunks_do_not_gather(database: Database) -> None:
    store = Bm25Store(database)
    for number in range(30):
        fakes.add_document(database, "corpus", "a", [f"word{number} number{number} iron"])
        check(store, database, ["iron", f"word{number}", f"word{number - 1}"], 2)
    (corpus,) = store._known.values()
    assert len(corpus.vocabulary) <= 8
    assert len(corpus.words) == 1


def test_readers_beside_a_writer_never_see_a_chunk_that_was_gone_before_they_asked(
    database: Database, tmp_path: Path
) -> None:
    store, done = Bm25Store(database), Event()
    fakes.add_document(database, "corpus", "stays", ["iron stays"])

    def write() -> None:
        try:
            for number in range(25):
                fakes.add_document(database, "corpus", "a", [f"iron version{number}", "zinc"])
        finally:
            done.set()

    def read() -> int:
        asked = 0
        while not done.is_set() or asked < 3:
            asked += 1
            before = set(contents(database))
            found = {n for n in store.search("corpus", ["iron zinc stays"], 9).ids[0].tolist() if n >= 0}
            after = contents(database)
            # Whatever was there all the time is found; nothing is older than the question.
            assert before & set(after) <= found
            assert found <= before | set(range(max(before), max(after) + 1))
        return asked

    with ThreadPoolExecutor(4) as pool:
        writer = pool.submit(write)
        readers = [pool.submit(read) for _ in range(3)]
        writer.result()
        assert all(reader.result() >= 3 for reader in readers)
    check(store, database, ["iron zinc", "version24", "version23"], 5)
