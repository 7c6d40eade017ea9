"""Every filter LlamaIndex can say means what LlamaIndex's own reference says, or is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)
from llama_index.core.vector_stores.utils import build_metadata_filter_fn
from tersus.errors import InvalidInput
from tersus.rag import Tersus
from tersus.rag.llamaindex_store import TersusVectorStore
from tersus.rag.llamaindex_store.errors import UnsupportedQuery
from tersus.rag.llamaindex_store.filters import to_filter
from tersus.rag.search.filters import And, Filter, InvalidFilter, matches

from tests.rag import fakes
from tests.rag.llamaindex_store.store_fakes import assert_nearest, node, where

KEYS = ["k", "cluster", "title", "document_title", 'q"uo.te$', "漢"]
ORDER = {FilterOperator.GT, FilterOperator.GTE, FilterOperator.LT, FilterOperator.LTE}
LISTS = {FilterOperator.IN, FilterOperator.NIN, FilterOperator.ANY, FilterOperator.ALL}
TEXTS = {FilterOperator.TEXT_MATCH, FilterOperator.TEXT_MATCH_INSENSITIVE}

strings = st.sampled_from(["", "a", "A", "ab", "b", 'x"y', "漢", "1", "true", "İ"])
numbers = st.sampled_from([0, 1, 2, -1, 1.0, 0.5, 2**53, 2**53 + 1, 1e300])
scalars = strings | numbers
lists = st.lists(strings, max_size=3) | st.lists(st.integers(0, 2), max_size=3)
stored = scalars | lists | st.booleans() | st.none()
metadata = st.dictionaries(st.sampled_from(KEYS), stored, max_size=4)


@st.composite
def leaves(draw: st.DrawFn) -> MetadataFilter:
    operator = draw(st.sampled_from(list(FilterOperator)))
    value: Any = None
    if operator in LISTS:
        value = draw(lists)
    elif operator in TEXTS:
        value = draw(strings)
    elif operator in (FilterOperator.EQ, FilterOperator.NE):
        value = draw(scalars | lists)
    elif operator != FilterOperator.IS_EMPTY:
        value = draw(scalars)
    return MetadataFilter(key=draw(st.sampled_from(KEYS)), value=value, operator=operator)


conditions = st.none() | st.sampled_from(list(FilterCondition))
trees: st.SearchStrategy[MetadataFilters] = st.recursive(
    st.builds(MetadataFilters, filters=st.lists(leaves(), min_size=1, max_size=2), condition=conditions),
    lambda inner: st.builds(
        MetadataFilters, filters=st.lists(leaves() | inner, max_size=3), condition=conditions
    ),
    max_leaves=5,
)


def means(wanted: MetadataFilters | MetadataFilter, values: dict[str, Any]) -> bool:
    """LlamaIndex's reference for one condition; nesting, which it lacks, spelled out."""
    if isinstance(wanted, MetadataFilters):
        parts = [means(one, values) for one in wanted.filters]
        if not parts or wanted.condition in (None, FilterCondition.AND):
            return all(parts)
        return any(parts) is (wanted.condition == FilterCondition.OR)
    if wanted.operator in ORDER and isinstance(values.get(wanted.key), bool):
        return False  # it calls true more than 0; here booleans have no order
    try:
        return build_metadata_filter_fn(lambda _: values, MetadataFilters(filters=[wanted]))("")
    except TypeError:  # of kinds that cannot be compared: no match, rather than a failed query
        return False


def test_filters_mean_what_the_reference_says(tersus: Tersus) -> None:
    numbers_of_store = iter(range(10_000))

    @settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(metadata, min_size=1, max_size=8), st.lists(trees, min_size=5, max_size=5))
    def check(given_metadata: list[dict[str, Any]], wanted: list[MetadataFilters]) -> None:
        store = TersusVectorStore(f"c{next(numbers_of_store)}", tersus=tersus)
        there: dict[str, BaseNode] = {
            f"n{place}": node(f"n{place}", "d") for place in range(len(given_metadata))
        }
        for one, values in zip(there.values(), given_metadata, strict=True):
            one.metadata = values
        store.add(list(there.values()))
        for filters in wanted:
            right = [key for key, one in there.items() if means(filters, one.metadata)]
            assert [one.node_id for one in store.get_nodes(filters=filters)] == right
        assert_nearest(store, there, 8, lambda one: one.node_id in right, filters=wanted[-1])

    check()


def test_documents_go_by_three_names(store: TersusVectorStore) -> None:
    given_nodes = [node("a", "d1"), node("b", "node:d1"), node("c"), node("e", "d2", doc_id="d1")]
    store.add(given_nodes)

    def found(key: str, operator: str, value: Any) -> list[str]:
        return [one.node_id for one in store.get_nodes(filters=where(key, operator, value))]

    for key in ("doc_id", "ref_doc_id", "document_id"):
        assert found(key, "==", "d1") == ["a"]
        assert found(key, "!=", "d1") == ["b", "c", "e"]
        assert found(key, "in", ["node:d1", "d2"]) == ["b", "e"]
        assert found(key, "==", "node:c") == []
        assert found(key, "is_empty", None) == ["c"]
        assert found(key, "text_match", "d2") == ["e"]
        assert found(key, "==", 1) == []


@pytest.mark.parametrize(
    ("operator", "value", "said"),
    [
        ("==", None, "is_empty"),
        ("!=", None, "is_empty"),
        (">", None, "is_empty"),
        ("contains", None, "is_empty"),
        (">", [1], "takes one value"),
        ("in", "abc", "takes a list"),
        ("nin", 1, "takes a list"),
        ("any", "a", "takes a list"),
        ("all", None, "takes a list"),
        ("text_match", 1, "takes text"),
        ("text_match_insensitive", ["a"], "takes text"),
        ("==", float("nan"), "cannot be compared"),
        ("<", float("inf"), "cannot be compared"),
    ],
)
def test_a_filter_that_means_nothing_is_refused(
    store: TersusVectorStore, operator: str, value: Any, said: str
) -> None:
    store.add([node("a", "d", k=1)])
    for act in (store.delete_nodes, store.get_nodes):
        with pytest.raises(InvalidFilter, match=said):
            act(filters=where("k", operator, value))
    assert len(store.get_nodes()) == 1


def test_the_metadata_of_an_ingested_document_count_for_its_chunks(tersus: Tersus) -> None:
    from tersus.rag.ledger.tables import Chunk, Document

    fakes.fill(tersus.database)
    with tersus.database.session(write=True) as session:
        for document in session.query(Document).all():
            document.meta = {"lang": "en", "size": len(document.title)}
        for chunk in session.query(Chunk).order_by(Chunk.id).limit(1).all():
            chunk.meta = {"lang": "de"}
    store = TersusVectorStore("corpus", tersus=tersus)
    for operator, value in (("==", "de"), ("contains", "d"), ("text_match", "de")):
        (one,) = store.get_nodes(filters=where("lang", operator, value))
        assert one.get_content() == fakes.CORPUS["tides"][0]
    assert len(store.get_nodes(filters=where("size", "==", 5))) == 3
    assert len(store.get_nodes(filters=where("document_title", "==", "Tides"))) == 2


simple = st.builds(
    MetadataFilters,
    filters=st.lists(
        leaves().filter(
            lambda leaf: (
                leaf.operator in ORDER | {FilterOperator.EQ, FilterOperator.NE, FilterOperator.IN}
                and not (isinstance(leaf.value, list) and leaf.operator != FilterOperator.IN)
                and leaf.key not in ("cluster", "document_title")
            )
        ),
        max_size=3,
    ),
    condition=conditions,
)


@given(simple, metadata)
def test_the_same_as_a_filter_of_tersus(wanted: MetadataFilters, values: dict[str, Any]) -> None:
    pure: Filter = to_filter(wanted)
    assert matches(pure, values) == means(wanted, values)


def test_what_tersus_cannot_say_is_named() -> None:
    for operator, value in (("contains", "a"), ("is_empty", None), ("text_match", "a"), ("==", ["a"])):
        mixed = MetadataFilters(filters=[where("year", ">", 1), where("tags", operator, value)])
        with pytest.raises(UnsupportedQuery, match=f"'tags' {operator} cannot"):
            to_filter(mixed)
    assert to_filter(MetadataFilters(filters=[])) == And(())
    with pytest.raises(InvalidInput):
        to_filter(where("year", "in", 3))
