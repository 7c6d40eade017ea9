"""SQL finds the chunks that `matches` names, on both databases, whatever keys and values are called."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from tersus.rag.ledger import CollectionRepository, Database, DocumentRepository, NewChunk, NewDocument
from tersus.rag.ledger.tables import Chunk
from tersus.rag.search import filter_sql
from tersus.rag.search.fields_sql import IntegerField
from tersus.rag.search.filter_sql import matching_ids
from tersus.rag.search.filters import And, Equals, Filter, In, InvalidFilter, Not, Or, Range, matches

KEYS = [
    "a", "b.c", "", "$", '"', "a'b", "x[0]", "\\", "\n", "é", "日本", "a b", "document_id", "document_title",
    "%s", ":x", "{}", "null", "'; DROP TABLE chunks; --", "\ufffd", "#>>",
]  # fmt: skip
VALUES: list[Any] = [
    0, 1, -1, 2, True, False, "", "1", "true", "null", "a", "A", "é", "e\u0301", "日本", "𝄞", "\uffff", "'",
    '"', "\\", "\n", "1.0", 1.0, -0.0, 0.1, 0.30000000000000004, 0.3, 1e22, 10**22, 1e23, 10**23, 2**53,
    2**53 + 1, float(2**53), 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2.0**63, 10**400, -(10**400), 1e308,
    5e-324, 1.5, 2**53 + 2.0, "2024-01-31", "2024-02", "\ufffd",
]  # fmt: skip
STORED = [*VALUES, None, [], ["a"], {"a": 1}, [1]]

numbers = itertools.count()
keys = st.sampled_from(KEYS)
values = (
    st.sampled_from(VALUES)
    | st.text(max_size=3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers()
)
stored = st.sampled_from(STORED) | values
metas = st.dictionaries(keys, stored, max_size=4)
ordered = st.tuples(
    st.sampled_from(["gt", "gte", "lt", "lte"]), values.filter(lambda v: not isinstance(v, bool))
)


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    one, two = draw(ordered), draw(ordered)
    alike = isinstance(one[1], str) == isinstance(two[1], str)
    return Range(draw(keys), **dict([one, two] if alike else [one]))


leaves = st.one_of(
    st.builds(Equals, keys, values), st.builds(In, keys, st.lists(values, max_size=5).map(tuple)), ranges()
)
filters = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: And(tuple(parts))),
        st.lists(inner, max_size=3).map(lambda parts: Or(tuple(parts))),
        inner.map(Not),
    ),
    max_leaves=6,
)


def store(
    database: Database, documents: Sequence[tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]]
) -> tuple[str, dict[int, dict[str, Any]]]:
    """A new collection; its name, and the fields of each of its chunks."""
    name = f"corpus {next(numbers)}"
    fields: dict[int, dict[str, Any]] = {}
    with database.session(write=True) as session:
        collection = CollectionRepository(session).create(name, "test", 1)
        for place, (meta, chunks) in enumerate(documents):
            new = [NewChunk(0, 1, "t", "x", np.ones(1, dtype=np.float32), chunk) for chunk in chunks]
            external, title = VALUES_OF_IDS[place], VALUES_OF_IDS[-1 - place]
            DocumentRepository(session).replace(
                collection, NewDocument(external, title, "x", f"{place}", "text/plain", 1, meta, new)
            )
            rows = session.execute(
                select(Chunk.id, Chunk.document_id)
                .where(Chunk.collection_id == collection.id)
                .order_by(Chunk.id)
            ).all()
            reserved = {"document_id": external, "document_title": title}
            for row, chunk in zip(rows[len(fields) :], chunks, strict=True):
                fields[row.id] = {**meta, **chunk, **reserved}
    return name, fields


VALUES_OF_IDS = ["a", "A", "é", "1", "'", "日本"]


def found(database: Database, name: str, wanted: Filter) -> list[int]:
    with database.session() as session:
        ids = matching_ids(session, CollectionRepository(session).require(name), wanted)
    assert ids.dtype == np.int64
    return [int(chunk_id) for chunk_id in ids]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.lists(st.tuples(metas, st.lists(metas, max_size=5)), max_size=4),
    st.lists(filters, min_size=1, max_size=12),
)
def test_sql_and_python_mean_the_same(
    database: Database, documents: list[tuple[dict[str, Any], list[dict[str, Any]]]], wanted: list[Filter]
) -> None:
    name, fields = store(database, documents)
    for one in wanted:
        expected = [chunk_id for chunk_id, values in fields.items() if matches(one, values)]
        assert found(database, name, one) == expected, one


def test_every_value_against_every_other_under_every_key(database: Database) -> None:
    documents = [({"a": value, "b": 0}, [dict.fromkeys(KEYS, value), {}]) for value in STORED[:6]]
    chunks = [dict.fromkeys(KEYS, value) for value in STORED]
    name, fields = store(database, [*documents[:5], ({"a": 2}, chunks)])
    wanted: list[Filter] = []
    for value in VALUES:
        wanted += [Equals("a", value), In('"', (value, "none")), Not(Equals("b.c", value))]
        if not isinstance(value, bool):
            wanted += [
                Range("a", gt=value),
                Range("日本", gte=value),
                Range('"', lt=value),
                Range("", lte=value),
            ]
    wanted += [Equals(key, value) for key in KEYS for value in (1, "a", True)]
    for one in wanted:
        expected = [chunk_id for chunk_id, values in fields.items() if matches(one, values)]
        assert found(database, name, one) == expected, one


def test_a_chunk_hides_its_document_and_null_hides_too(database: Database) -> None:
    name, fields = store(database, [({"lang": "en"}, [{}, {"lang": "de"}, {"lang": None}])])
    first, second, third = fields
    assert found(database, name, Equals("lang", "en")) == [first]
    assert found(database, name, Equals("lang", "de")) == [second]
    assert found(database, name, Not(In("lang", ("en", "de")))) == [third]


def test_only_the_collections_own_chunks_are_found(database: Database) -> None:
    store(database, [({}, [{"a": 1}])])
    name, fields = store(database, [({}, [{"a": 1}])])
    assert found(database, name, And(())) == list(fields)


def test_many_values_are_one_parameter(database: Database) -> None:
    name, fields = store(database, [({}, [{"a": number} for number in range(50)])])
    wanted = In("a", (*range(100_000, 170_000), *(str(n) for n in range(50)), 7, 9.0))
    assert found(database, name, wanted) == [list(fields)[7], list(fields)[9]]


def test_a_filter_too_long_for_a_statement_is_refused_and_the_longest_one_works(database: Database) -> None:
    name, fields = store(database, [({}, [{"a": number} for number in range(3)])])
    assert found(database, name, Or(tuple(Equals("a", n) for n in range(1, 500)))) == list(fields)[1:]
    assert found(database, name, And(tuple(Range("a", gt=-n) for n in range(1, 500)))) == list(fields)
    deep: Filter = Equals("a", 1)
    for _ in range(62):
        deep = Not(deep)
    assert found(database, name, deep) == [list(fields)[1]]
    with pytest.raises(InvalidFilter):
        found(database, name, Or((Equals("a", 1),) * 1000))


def test_an_integer_column_as_a_reserved_field(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(filter_sql.RESERVED, "place", (IntegerField, lambda: Chunk.position.expression))
    name, fields = store(database, [({}, [{"place": "hidden"}] * 4)])
    places = {chunk_id: {"place": place} for place, chunk_id in enumerate(fields)}
    wanted: list[Filter] = []
    for value in [*VALUES, 2.5, -1.5, 1e19, -1e19]:
        wanted += [Equals("place", value), In("place", (value, 3)), Not(Equals("place", value))]
        if not isinstance(value, bool):
            wanted += [Range("place", **{bound: value}) for bound in ("gt", "gte", "lt", "lte")]
    for one in wanted:
        expected = [chunk_id for chunk_id, values in places.items() if matches(one, values)]
        assert found(database, name, one) == expected, one
