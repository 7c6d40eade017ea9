"""The retriever's modes and options against brute force over SQL, on both databases."""

from __future__ import annotations

import asyncio
import itertools
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llama_index.core.bridge.pydantic import Field
from tersus.compressors import Passage
from tersus.errors import InvalidInput
from tersus.rag.index_store import IndexStore
from tersus.rag.ledger import Database
from tersus.rag.retrieve import EmbeddingMismatch, EmptyCollection, NothingFound, Retriever
from tersus.rag.search import Equals, In, InvalidFilter, Not, SearchOptions
from tersus.rag.search.bm25 import Bm25Store

from tests.rag import fakes
from tests.rag.fakes import HashedEmbedding, ScriptedLLM

WORDS = [
    "iron", "zinc", "moon", "sea", "bread", "salt", "tide", "oven", "paint", "yeast", "wet", "hot", "cold",
    "ship", "sail", "star",
]  # fmt: skip


class Counted(HashedEmbedding):
    """Counts how often it is asked for a question's vector."""

    model_name: str = "hashed"
    asked: list[str] = Field(default_factory=list)

    def _get_query_embedding(self, query: str) -> list[float]:
        self.asked.append(query)
        return super()._get_query_embedding(query)


def texts(seed: int) -> dict[str, list[str]]:
    dice = random.Random(seed)
    return {
        f"doc{number}": [
            " ".join(dice.choices(WORDS, k=dice.randrange(4, 12))) for _ in range(dice.randrange(1, 6))
        ]
        for number in range(12)
    }


def fill(database: Database, seed: int = 1) -> dict[str, list[str]]:
    documents = texts(seed)
    for name, chunks in documents.items():
        fakes.add_document(database, "corpus", name, chunks)
    return documents


def retriever(database: Database, folder: Path, mode: Any = "dense", embedding: Any = None) -> Retriever:
    return Retriever(database, IndexStore(folder, database), embedding or HashedEmbedding(), mode)


def ids(found: list[Passage]) -> list[int]:
    return [int(passage.id) for passage in found]


QUESTIONS = ["iron in the wet sea", "hot bread and yeast", "moon tide ship", "a star"]


def bm25(database: Database, question: str, k: int = 1000) -> dict[int, float]:
    found = Bm25Store(database).search("corpus", [question], k)
    return {n: s for n, s in zip(found.ids[0].tolist(), found.scores[0].tolist(), strict=True) if n >= 0}


def test_bm25_mode_gives_bm25s_order_and_scores(database: Database, tmp_path: Path) -> None:
    fill(database)
    source = retriever(database, tmp_path, "bm25")
    for question in QUESTIONS:
        expected = list(bm25(database, question, 5).items())
        found = source.retrieve(question, "corpus", 5)
        assert [(int(p.id), p.score) for p in found] == expected
    assert source.retrieve("unheardof", "corpus", 5) == []


def test_hybrid_fuses_both_rankings(database: Database, tmp_path: Path) -> None:
    fill(database)
    source = retriever(database, tmp_path)
    for question in QUESTIONS:
        cosines = fakes.cosines(database, "corpus", question)
        # As the index has it: rounded to float32, equal ones by id.
        dense = sorted(cosines, key=lambda n: (-np.float32(cosines[n]), n))[:100]
        words = list(bm25(database, question))[:100]
        expected = {
            n: sum(1 / (60 + ranking.index(n) + 1) for ranking in (dense, words) if n in ranking)
            for n in cosines
        }
        found = source.retrieve(question, "corpus", 6, SearchOptions(mode="hybrid"))
        best = sorted(expected.values(), reverse=True)[:6]
        # Cosines that are equal but for rounding may stand the other way round in the index.
        assert [p.score for p in found] == pytest.approx(best, abs=3e-4)
        assert [expected[int(p.id)] for p in found] == pytest.approx(best, abs=3e-4)


@pytest.mark.parametrize("mode", ["dense", "bm25", "hybrid"])
def test_a_filter_leaves_what_it_means_in_the_same_order(
    database: Database, tmp_path: Path, mode: Any
) -> None:
    fill(database)
    source = retriever(database, tmp_path, mode)
    wanted = In("document_id", ("doc1", "doc3", "doc5", "doc7"))
    for question in QUESTIONS:
        everything = source.retrieve(question, "corpus", 1000)
        for given, keep in ((wanted, True), (Not(wanted), False)):
            found = source.retrieve(question, "corpus", 1000, SearchOptions(filter=given))
            expected = [p for p in everything if (p.document_id in wanted.values) is keep]
            if mode == "hybrid":  # ranks count among those allowed
                assert sorted(ids(found)) == sorted(ids(expected))
            else:
                assert [(p.id, p.score) for p in found] == [(p.id, p.score) for p in expected]
            few = source.retrieve(question, "corpus", 2, SearchOptions(filter=given))
            assert mode == "hybrid" or ids(few) == ids(found)[:2]
    nothing = SearchOptions(filter={"field": "lang", "equals": "en"})
    assert source.retrieve("iron", "corpus", 3, nothing) == []


@pytest.mark.parametrize("mode", ["dense", "bm25", "hybrid"])
def test_the_least_score_is_a_cosine_in_every_mode(database: Database, tmp_path: Path, mode: Any) -> None:
    fill(database)
    source = retriever(database, tmp_path, mode)
    for question, least in itertools.product(QUESTIONS, (-1.0, 0.2, 0.45, 1.0)):
        cosines = fakes.cosines(database, "corpus", question)
        everything = source.retrieve(question, "corpus", 25)
        near = [p.id for p in everything if cosines[int(p.id)] >= least + 1e-6]
        maybe = [p.id for p in everything if cosines[int(p.id)] >= least - 1e-6]
        found = [p.id for p in source.retrieve(question, "corpus", 25, SearchOptions(min_score=least))]
        assert set(near) <= set(found)
        assert [one for one in found if one in maybe] == [one for one in maybe if one in found]
        assert least > -1 or found == [p.id for p in everything]


@pytest.mark.parametrize("mode", ["dense", "bm25", "hybrid"])
def test_mmr_spares_repetitions_and_one_is_relevance_alone(
    database: Database, tmp_path: Path, mode: Any
) -> None:
    for number in range(5):
        fakes.add_document(database, "corpus", f"same{number}", ["iron rusts in wet air"])
    fakes.add_document(database, "corpus", "other", ["zinc keeps iron from rusting"])
    source = retriever(database, tmp_path, mode)
    plain = source.retrieve("iron rusts in wet air", "corpus", 2)
    assert {p.document_id for p in plain} == {"same0", "same1"}
    diverse = source.retrieve("iron rusts in wet air", "corpus", 2, SearchOptions(mmr=0.2))
    assert [p.document_id for p in diverse] == ["same0", "other"]
    assert diverse[0].score == plain[0].score
    fill(database)
    for question in QUESTIONS:
        found = source.retrieve(question, "corpus", 7, SearchOptions(mmr=1.0))
        assert ids(found) == ids(source.retrieve(question, "corpus", 7))


def test_many_questions_at_once_are_answered_as_one_by_one_from_one_search(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database)
    embedding = Counted()
    source = retriever(database, tmp_path, embedding=embedding)
    searches: list[int] = []
    _, index = source._store.open("corpus")
    search = index.search

    def counted(queries: Any, *arguments: Any, **options: Any) -> Any:
        searches.append(len(queries))
        return search(queries, *arguments, **options)

    monkeypatch.setattr(index, "search", counted)
    options = [
        SearchOptions(), SearchOptions(mode="hybrid", mmr=0.5),
        SearchOptions(mode="hybrid", min_score=0.1, window=1),
        SearchOptions(mode="dense", filter=Not(Equals("document_id", "doc2"))),
    ]  # fmt: skip
    for one in options:
        embedding.asked.clear()
        searches.clear()
        together = source.retrieve_batch(QUESTIONS, "corpus", 5, one)
        assert embedding.asked == QUESTIONS
        assert searches == [len(QUESTIONS)]
        assert together == [source.retrieve(question, "corpus", 5, one) for question in QUESTIONS]
    assert source.retrieve_batch([], "corpus", 5) == []


def test_words_alone_need_no_vectors(database: Database, tmp_path: Path) -> None:
    fill(database)
    embedding = Counted(model_name="another")
    source = retriever(database, tmp_path, "bm25", embedding)
    assert source.retrieve("iron", "corpus", 3)
    assert embedding.asked == []
    with pytest.raises(EmbeddingMismatch):
        source.retrieve("iron", "corpus", 3, SearchOptions(min_score=0.1))
    with pytest.raises(EmbeddingMismatch):
        source.retrieve("iron", "corpus", 3, SearchOptions(mode="hybrid"))
    fakes.add_document(database, "empty", "a", [])
    with pytest.raises(EmptyCollection):
        source.retrieve("iron", "empty", 3)


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "sparse"}, {"min_score": 1.5}, {"min_score": float("nan")}, {"min_score": True},
        {"mmr": -0.1}, {"mmr": "half"}, {"window": -1}, {"window": 101}, {"window": True}, {"window": 1.0},
    ],
)  # fmt: skip
def test_impossible_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        SearchOptions(**options)
    assert caught.value.hint


def test_filters_are_json_or_parts_and_nothing_else(database: Database, tmp_path: Path) -> None:
    assert SearchOptions(filter={"field": "a", "equals": 1}) == SearchOptions(filter=Equals("a", 1))
    wrong: list[Any] = [[], "a=1", 7, {"a": 1}]
    for one in wrong:
        with pytest.raises(InvalidFilter):
            SearchOptions(filter=one)
    fill(database)
    source = retriever(database, tmp_path)
    for top_k in (0, -1, True, 1.5):
        with pytest.raises(InvalidInput):
            source.retrieve("iron", "corpus", top_k)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput):
        source.retrieve_batch("iron", "corpus", 3)


def test_the_pipeline_takes_the_options_and_its_settings_name_the_mode(
    database: Database, tmp_path: Path
) -> None:
    fill(database)
    pipe = fakes.pipeline(database, tmp_path, ScriptedLLM())
    source = retriever(database, tmp_path)
    options = SearchOptions(mode="hybrid", filter=Not(Equals("document_id", "doc1")), window=1)
    expected = source.retrieve("iron in the sea", "corpus", 3, options)
    for result in (
        pipe.query("iron in the sea", "corpus", top_k=3, search=options),
        asyncio.run(pipe.aquery("iron in the sea", "corpus", top_k=3, search=options)),
    ):
        assert [passage.source for passage in result.passages] == expected
    with pytest.raises(NothingFound) as caught:
        pipe.query("iron", "corpus", search=SearchOptions(filter=Equals("lang", "xx")))
    assert caught.value.code == "nothing_found"
    assert [row.outcome for row in fakes.rows(database)][-1] == "failed"
    with pytest.raises(InvalidInput):
        pipe.query("iron", "corpus", search={"mode": "bm25"})
    assert fakes.settings(tmp_path).search == "dense"
    assert fakes.settings(tmp_path, search="hybrid").search == "hybrid"


def test_a_source_of_three_arguments_works_and_refuses_options(database: Database, tmp_path: Path) -> None:
    fill(database)

    class Own:
        def retrieve(self, question: str, collection: str, top_k: int) -> list[Passage]:
            return [Passage(f"{question} {collection} {top_k}. The moon.")]

    from tersus.rag.pipeline import Pipeline

    pipe = Pipeline(fakes.settings(tmp_path), database, Own(), ScriptedLLM())
    assert pipe.query("iron", "corpus", top_k=3).passages[0].source.text == "iron corpus 3. The moon."
    with pytest.raises(InvalidInput, match="Own takes no search options"):
        pipe.query("iron", "corpus", search=SearchOptions(mode="bm25"))
