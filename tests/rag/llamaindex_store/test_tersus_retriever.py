"""The retriever of a collection: its passages as nodes, in any query engine."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import QueryBundle, TextNode
from llama_index.core.vector_stores.types import MetadataFilters
from tersus.compressors import Passage
from tersus.errors import InvalidInput
from tersus.rag import Tersus
from tersus.rag.ledger.errors import UnknownCollection
from tersus.rag.llamaindex import TersusPostprocessor
from tersus.rag.llamaindex_store import TersusRetriever, TersusVectorStore
from tersus.rag.llamaindex_store.errors import UnsupportedQuery
from tersus.rag.retrieve import EmptyCollection, Retriever
from tersus.rag.search import Equals, SearchOptions

from tests.rag import fakes
from tests.rag.llamaindex_store.store_fakes import bare, where

QUESTION = "What keeps iron from rusting?"


@pytest.fixture
def corpus(tersus: Tersus) -> Tersus:
    fakes.fill(tersus.database)
    return tersus


def test_nodes_carry_what_the_passages_say(corpus: Tersus) -> None:
    found = TersusRetriever("corpus", tersus=corpus, top_k=3).retrieve(QUESTION)
    scored = fakes.cosines(corpus.database, "corpus", QUESTION)
    assert [one.score for one in found] == pytest.approx(sorted(scored.values())[::-1][:3], abs=1e-6)
    for one in found:
        node = one.node
        assert isinstance(node, TextNode)
        whole = "\n".join(fakes.CORPUS[node.ref_doc_id or ""])
        assert whole[node.start_char_idx : node.end_char_idx] == node.text
        assert node.metadata["title"] == node.metadata["document_title"] == (node.ref_doc_id or "").title()
        assert node.get_content("llm").startswith(f"title: {node.metadata['title']}")  # type: ignore[arg-type]
        assert "document_title" not in node.get_content("llm")  # type: ignore[arg-type]
    assert found[0].node.ref_doc_id == "rust"


async def test_the_same_without_waiting(corpus: Tersus) -> None:
    retriever = TersusRetriever("corpus", tersus=corpus)
    found = await retriever.aretrieve(QUESTION)
    assert found == retriever.retrieve(QUESTION)
    assert len(found) == 4 < corpus.settings.top_k


def test_a_node_retrieved_can_be_named_to_the_store(corpus: Tersus) -> None:
    (found,) = TersusRetriever("corpus", tersus=corpus, top_k=1).retrieve(QUESTION)
    store = TersusVectorStore("corpus", tersus=corpus)
    assert store.get_nodes([found.node.node_id]) == [found.node]


def test_nodes_of_a_vector_store_come_back_as_they_were_stored(tersus: Tersus) -> None:
    model = fakes.HashedEmbedding()
    store = TersusVectorStore("notes", tersus=tersus, embed_model=model)
    given = [
        TextNode(id_=f"n {n}", text=text, metadata={"n": n}, embedding=model._vector(text))
        for n, text in enumerate(["Iron rusts.", "The moon \x00 pulls.", "Bread rises."])
    ]
    store.add(given)
    found = TersusRetriever("notes", tersus=tersus).retrieve("Iron rusts.")
    assert found[0].node == bare(given[0])
    assert found[0].score == pytest.approx(1.0)
    assert {one.node.node_id for one in found} == {node.node_id for node in given}
    assert {one.node.get_content() for one in found} == {node.text for node in given}
    even = where("n", ">=", 2)
    assert [one.node for one in TersusRetriever("notes", tersus=tersus, filters=even).retrieve("moon")] == [
        bare(given[2])
    ]


@pytest.mark.parametrize("mode", ["dense", "bm25", "hybrid"])
def test_search_options_are_passed_on(corpus: Tersus, mode: Any) -> None:
    search = SearchOptions(mode=mode, filter=Equals("document_id", "tides"), window=1)
    found = TersusRetriever("corpus", tersus=corpus, search=search).retrieve("the moon and the sea")
    plain = Retriever(corpus.database, corpus.store, corpus.embedding)
    passages = plain.retrieve("the moon and the sea", "corpus", corpus.settings.top_k, search)
    assert [one.node.get_content() for one in found] == [passage.text for passage in passages]
    assert [one.score for one in found] == [passage.score for passage in passages]
    assert {one.node.ref_doc_id for one in found} == {"tides"}
    # The neighbours were joined: more than the chunk, so it does not pass for it.
    assert found[0].node.get_content() == "\n".join(fakes.CORPUS["tides"])


def test_filters_and_search_options_must_both_hold(corpus: Tersus) -> None:
    only = where("doc_id", "in", ["tides", "rust"])
    search = SearchOptions(filter=Equals("document_id", "rust"))
    found = TersusRetriever("corpus", tersus=corpus, filters=only, search=search).retrieve("moon")
    assert {one.node.ref_doc_id for one in found} == {"rust"}
    nothing = MetadataFilters(filters=[])
    assert len(TersusRetriever("corpus", tersus=corpus, filters=nothing).retrieve("moon")) == 4
    with pytest.raises(UnsupportedQuery, match="'tags' contains cannot"):
        TersusRetriever("corpus", tersus=corpus, filters=where("tags", "contains", "a"))


def test_a_query_engine_answers_from_what_the_compressor_keeps(corpus: Tersus) -> None:
    engine = RetrieverQueryEngine.from_args(
        TersusRetriever("corpus", tersus=corpus, top_k=2),
        llm=MockLLM(),
        node_postprocessors=[TersusPostprocessor(ratio=0.6, timeout=120)],
    )
    response = engine.query(QUESTION)
    assert response.source_nodes[0].node.ref_doc_id == "rust"
    account = response.source_nodes[0].node.metadata["tersus"]
    assert account["tokens_after"] < account["tokens_before"]
    assert "Zinc keeps iron from rusting." in str(response)  # the mock repeats the prompt


def test_another_source_of_passages(tersus: Tersus) -> None:
    class Fixed:
        def retrieve(self, question: str, collection: str, top_k: int) -> list[Passage]:
            return [Passage(text=f"{question} {collection} {top_k}", id="summary/1", title="T", score=None)]

    (found,) = TersusRetriever("c", tersus=tersus, top_k=2, source=Fixed()).retrieve("q")
    assert (found.node.node_id, found.node.get_content(), found.score) == ("summary/1", "q c 2", None)
    assert (found.node.ref_doc_id, found.node.metadata) == (None, {"title": "T"})
    with pytest.raises(InvalidInput, match="takes no filters"):
        TersusRetriever("c", tersus=tersus, source=Fixed(), search=SearchOptions(window=1))


def test_what_cannot_be_asked_is_told(corpus: Tersus) -> None:
    for top_k in (0, -1, True, 1.5, "3"):
        with pytest.raises(InvalidInput, match="top_k"):
            TersusRetriever("corpus", tersus=corpus, top_k=top_k)  # type: ignore[arg-type]
    retriever = TersusRetriever("corpus", tersus=corpus)
    for question in ("", "  \n"):
        with pytest.raises(InvalidInput, match="question is empty"):
            retriever.retrieve(question)
    with pytest.raises(InvalidInput, match="embeds the question itself"):
        retriever.retrieve(QueryBundle("q", custom_embedding_strs=["other"]))
    with pytest.raises(UnknownCollection):
        TersusRetriever("nowhere", tersus=corpus).retrieve("q")
    fakes.delete_documents(corpus.database, "corpus", *fakes.CORPUS)
    with pytest.raises(EmptyCollection):
        retriever.retrieve("q")
