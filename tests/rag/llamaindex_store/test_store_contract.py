"""Whatever was added, replaced and deleted: what is found is what brute force finds."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from llama_index.core.schema import BaseNode, TextNode
from llama_index.core.vector_stores.types import BasePydanticVectorStore, MetadataFilters, VectorStoreQuery
from tersus.errors import InvalidInput
from tersus.rag import Tersus
from tersus.rag.ledger import CollectionRepository
from tersus.rag.ledger.errors import CollectionMismatch
from tersus.rag.llamaindex_store import TersusVectorStore
from tersus.rag.llamaindex_store.errors import InvalidNode, UnsupportedQuery
from tersus.rag.llamaindex_store.store import UNKNOWN_MODEL

from tests.rag import fakes
from tests.rag.llamaindex_store import store_fakes
from tests.rag.llamaindex_store.store_fakes import ask, assert_nearest, bare, node, nodes, where


def by_id(given: list[TextNode]) -> dict[str, BaseNode]:
    return {n.node_id: n for n in given}


def test_it_is_a_vector_store_of_llamaindex(store: TersusVectorStore, tersus: Tersus) -> None:
    assert isinstance(store, BasePydanticVectorStore)
    assert (store.stores_text, store.is_embedding_query) == (True, True)
    assert store.class_name() == "TersusVectorStore"
    assert store.client is tersus
    assert store.to_dict()["collection"] == "notes"


def test_neighbours_are_those_of_brute_force_with_cosines(store: TersusVectorStore) -> None:
    given = nodes(60)
    assert store.add(given) == [n.node_id for n in given]
    for top_k in (1, 7, 60, 10_000):
        assert_nearest(store, by_id(given), top_k)
    assert all(n.embedding is not None for n in given)  # what was given is not changed


def test_an_empty_store_finds_nothing_and_takes_every_call(store: TersusVectorStore, tersus: Tersus) -> None:
    for _ in range(2):
        found = ask(store, [1.0] * store_fakes.D)
        assert (found.nodes, found.ids, found.similarities) == ([], [], [])
        assert store.get_nodes() == store.get_nodes(["n1"]) == []
        assert store.add([]) == []
        store.delete("d1")
        store.delete_nodes(["n1"])
        store.clear()
        store.persist("anywhere")
        with tersus.database.session() as session:
            assert [one.collection.name for one in CollectionRepository(session).list()] in ([], ["notes"])
        store.add([node("n1", "d1")])
        store.clear()


def test_deletes_by_document_by_id_and_by_filter(store: TersusVectorStore) -> None:
    given = nodes(50)
    store.add(given)
    store.delete("d1")
    store.delete("nowhere")
    there = {key: n for key, n in by_id(given).items() if n.ref_doc_id != "d1"}
    assert_nearest(store, there, 50)
    store.delete_nodes([*list(there)[:5], "nowhere"])
    there = dict(list(there.items())[5:])
    assert_nearest(store, there, 50)
    store.delete_nodes(filters=where("lang", "==", "en"))
    there = {key: n for key, n in there.items() if n.metadata["lang"] != "en"}
    assert_nearest(store, there, 50)
    ids = list(there)[:6]
    store.delete_nodes(ids, where("lang", "==", "de"))
    there = {key: n for key, n in there.items() if key not in ids or n.metadata["lang"] != "de"}
    assert_nearest(store, there, 50)
    store.delete_nodes([])
    assert_nearest(store, there, 50)
    for nothing in ({}, {"filters": None}, {"filters": MetadataFilters(filters=[])}):
        with pytest.raises(InvalidInput, match="neither node ids nor filters"):
            store.delete_nodes(**nothing)
    assert_nearest(store, there, 50)
    store.clear()
    assert_nearest(store, {}, 50)


def test_a_node_added_again_replaces_the_old_one(store: TersusVectorStore) -> None:
    given = nodes(20)
    store.add(given)
    again = [node(f"n{n}", "d9", seed=7, lang="it") for n in range(5)]
    store.add([node("n0", "d9", seed=8), *again])
    there = {**by_id(given), **by_id(again)}
    assert_nearest(store, there, 30)
    assert [bare(n) for n in store.get_nodes()] == [bare(there[n.node_id]) for n in store.get_nodes()]
    store.delete("d9")
    assert_nearest(store, by_id(given[5:]), 30)


def test_nodes_without_a_document_are_apart_from_those_with_one(store: TersusVectorStore) -> None:
    given = [node("a"), node("b"), node("c", "a"), node("d", "node:b"), node("", None), node("漢\x00", "")]
    assert store.add(given) == ["a", "b", "c", "d", "", "漢\x00"]
    assert_nearest(store, by_id(given), 9)
    for document, gone in (("a", "c"), ("b", None), ("node:b", "d"), ("None", None), ("", "漢\x00")):
        store.delete(document)
        given = [n for n in given if n.node_id != gone]
        assert_nearest(store, by_id(given), 9)


def test_documents_and_nodes_can_be_chosen(store: TersusVectorStore) -> None:
    given = nodes(50)
    store.add(given)
    there = by_id(given)
    assert_nearest(store, there, 50, lambda n: n.ref_doc_id in ("d1", "d3"), doc_ids=["d1", "d3", "x"])
    some = ["n3", "n4", "n9", "nowhere"]
    assert_nearest(store, there, 50, lambda n: n.node_id in some, node_ids=some)
    assert_nearest(store, there, 50, node_ids=[])  # what VectorStoreIndex.as_retriever() gives
    assert_nearest(store, there, 50, lambda _: False, doc_ids=[])
    assert_nearest(
        store, there, 2,
        lambda n: n.node_id in some and n.ref_doc_id == n.ref_doc_id and n.metadata["year"] > 2002,
        node_ids=some, filters=where("year", ">", 2002),
    )  # fmt: skip
    assert [n.node_id for n in store.get_nodes(["n9", "nowhere", "n3", "n9"])] == ["n9", "n3"]
    assert store.get_nodes([]) == []
    english = [n.node_id for n in given if n.metadata["lang"] == "en"]
    assert [n.node_id for n in store.get_nodes(filters=where("lang", "==", "en"))] == english


def test_a_rare_match_is_found_among_many_nearer_ones(store: TersusVectorStore) -> None:
    """A filter after the search would lose it: the nearest hundred do not match."""
    near = [node(f"near{n}", "d", tags=["x"]) for n in range(200)]
    far = [node(f"far{n}", "d", tags=["rare"]) for n in range(3)]
    for one in near:
        one.embedding = [1.0, 0.001, 0, 0, 0, 0]
    for one in far:
        one.embedding = [-1.0, 0, 0, 0, 0, 0.5]
    store.add([*near, *far])
    for filters in (where("tags", "contains", "rare"), where("tags", "any", ["rare", "none"])):
        found = ask(store, [1, 0, 0, 0, 0, 0], 3, filters=filters)
        assert sorted(found.ids or []) == ["far0", "far1", "far2"]


@pytest.mark.parametrize(
    ("embedding", "error"),
    [
        (None, InvalidNode),
        ([1.0] * (store_fakes.D - 1), InvalidInput),
        ([], InvalidInput),
        ([math.nan] * store_fakes.D, InvalidInput),
        ([math.inf] * store_fakes.D, InvalidInput),
        ([0.0] * store_fakes.D, InvalidInput),
    ],
)
def test_a_node_that_cannot_be_stored_stops_its_batch_and_nothing_else(
    store: TersusVectorStore, embedding: Any, error: type[Exception]
) -> None:
    given = nodes(10)
    store.add(given)
    wrong = node("wrong", "d1")
    wrong.embedding = embedding
    for batch in ([node("new", "d1"), wrong], [wrong, node("new", "d1")], [wrong]):
        with pytest.raises(error):
            store.add(batch)
        assert_nearest(store, by_id(given), 20)


@pytest.mark.parametrize("metadata", [{"x": math.nan}, {"x": [{"y": math.inf}]}, {"x": object()}])
def test_metadata_that_json_cannot_hold_are_refused_not_changed(
    store: TersusVectorStore, metadata: Any
) -> None:
    wrong = node("wrong", "d1", **metadata)
    with pytest.raises(InvalidInput):
        store.add([node("right"), wrong])
    assert store.get_nodes() == []


def test_what_is_no_node_or_bears_the_name_of_an_ingested_chunk_is_refused(store: TersusVectorStore) -> None:
    with pytest.raises(InvalidNode, match="str is no node"):
        store.add(["text"])  # type: ignore[list-item]
    with pytest.raises(InvalidNode, match="names a chunk that was ingested"):
        store.add([node("tersus-chunk-1")])


def test_queries_that_cannot_be_answered_say_so(store: TersusVectorStore) -> None:
    store.add(nodes(5))
    right = [1.0] * store_fakes.D
    for wrong in ([1.0], [math.nan] * store_fakes.D, [0.0] * store_fakes.D):
        with pytest.raises(InvalidInput):
            ask(store, wrong)
    with pytest.raises(InvalidInput, match="no embedding"):
        store.query(VectorStoreQuery(query_str="words"))
    for top_k in (0, -1, 1.5):
        with pytest.raises(InvalidInput, match="similarity_top_k"):
            ask(store, right, top_k)  # type: ignore[arg-type]
    for mode in ("semantic_hybrid", "svm", "logistic_regression", "linear_regression"):
        from llama_index.core.vector_stores.types import VectorStoreQueryMode

        with pytest.raises(UnsupportedQuery, match=f"'{mode}' is not supported"):
            ask(store, right, mode=VectorStoreQueryMode(mode))


def test_the_embedding_model_is_checked_where_it_is_known(tersus: Tersus) -> None:
    model = fakes.HashedEmbedding()
    TersusVectorStore("known", tersus=tersus, embed_model=model).add(nodes(3))
    other = TersusVectorStore("known", tersus=tersus, embed_model=fakes.HashedEmbedding(model_name="another"))
    with pytest.raises(CollectionMismatch, match="built with"):
        other.add(nodes(3))
    with pytest.raises(CollectionMismatch, match="built with"):
        ask(other, [1.0] * store_fakes.D)
    unknown = TersusVectorStore("known", tersus=tersus)
    unknown.add(nodes(4))
    assert len(unknown.get_nodes()) == 4
    TersusVectorStore("unknown", tersus=tersus).add(nodes(3))
    with tersus.database.session() as session:
        assert CollectionRepository(session).require("unknown").embedding_model == UNKNOWN_MODEL


def test_what_was_ingested_is_read_as_nodes_and_goes_as_a_whole(tersus: Tersus) -> None:
    fakes.fill(tersus.database)
    store = TersusVectorStore("corpus", tersus=tersus, embed_model=tersus.embedding)
    found = store.get_nodes()
    texts = [text for chunks in fakes.CORPUS.values() for text in chunks]
    assert sorted(n.get_content() for n in found) == sorted(texts)
    question = fakes.HashedEmbedding()._vector("iron rusts")
    best = ask(store, question, 4)
    scored = fakes.cosines(tersus.database, "corpus", "iron rusts")
    assert best.similarities == pytest.approx(sorted(scored.values(), reverse=True), abs=1e-6)
    rust = (best.nodes or [])[0]
    assert isinstance(rust, TextNode)
    assert (rust.ref_doc_id, rust.metadata["title"], rust.start_char_idx) == ("rust", "Rust", 0)
    assert rust.end_char_idx == len(rust.text)
    assert store.get_nodes([rust.node_id]) == [rust]
    assert ask(store, question, 4, doc_ids=["tides"], node_ids=[rust.node_id]).ids == []
    tides = [n.node_id for n in store.get_nodes(filters=where("doc_id", "==", "tides"))]
    assert len(tides) == 2
    with pytest.raises(InvalidInput, match="'tides' was ingested"):
        store.delete_nodes(tides[:1])
    with pytest.raises(InvalidInput, match="'tides' was ingested"):
        store.add([_sized(node("new", "tides"))])
    store.delete_nodes(tides)
    store.delete("rust")
    store.add([_sized(node("new", "fresh"))])
    assert [n.ref_doc_id for n in store.get_nodes()] == ["bread", "fresh"]


def _sized(given: TextNode) -> TextNode:
    given.embedding = [1.0] * fakes.DIMENSION
    return given


def test_an_ingested_chunk_of_another_collection_is_not_named_here(tersus: Tersus) -> None:
    fakes.add_document(tersus.database, "one", "a", ["One."])
    fakes.add_document(tersus.database, "two", "b", ["Two."])
    one, two = (TersusVectorStore(name, tersus=tersus) for name in ("one", "two"))
    (node_id,) = [n.node_id for n in one.get_nodes()]
    assert two.get_nodes([node_id]) == []
    two.delete_nodes([node_id])
    assert [n.get_content() for n in one.get_nodes()] == ["One."]


@pytest.mark.parametrize("seed", range(4))
def test_any_sequence_of_changes_leaves_what_a_dictionary_would_hold(tersus: Tersus, seed: int) -> None:
    dice, there = random.Random(seed), dict[str, BaseNode]()
    for step in range(25):
        # Each step by another object, as another process would do it.
        store = TersusVectorStore("notes", tersus=tersus)
        action = dice.choice(["add", "add", "add", "delete", "delete_nodes", "filter", "clear"])
        if action == "add":
            batch = [
                node(
                    f"n{dice.randrange(40)}",
                    dice.choice([None, "d0", "d1", "d2"]),
                    dice.randrange(3),
                    year=dice.randrange(5),
                )
                for _ in range(dice.randrange(1, 12))
            ]
            store.add(batch)
            there.update((n.node_id, n) for n in batch)
        elif action == "delete":
            document = dice.choice(["d0", "d1", "d2", "n1"])
            store.delete(document)
            there = {key: n for key, n in there.items() if n.ref_doc_id != document}
        elif action == "delete_nodes":
            ids = [f"n{dice.randrange(40)}" for _ in range(6)]
            store.delete_nodes(ids)
            there = {key: n for key, n in there.items() if key not in ids}
        elif action == "filter":
            year = dice.randrange(5)
            store.delete_nodes(filters=where("year", "==", year))
            there = {key: n for key, n in there.items() if n.metadata["year"] != year}
        elif dice.random() < 0.2:
            store.clear()
            there = {}
        assert_nearest(store, there, 8, seed=step)
        assert {n.node_id for n in store.get_nodes()} == set(there)
