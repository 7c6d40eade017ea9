"""The field ``cluster`` of filters, against the meaning of filters in Python."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tersus.rag.clusters import build_clusters
from tersus.rag.ledger import CollectionRepository, Database
from tersus.rag.ledger.clusterings import NoClusters
from tersus.rag.search.filter_sql import matching_ids
from tersus.rag.search.filters import And, Equals, Filter, In, Not, Or, Range, matches, parse_filter

from tests.rag.clusters.cluster_fakes import add, around, brute, middles, stored
from tests.rag.fakes import delete_documents

DIRECTIONS = middles(4, 12)

values = st.sampled_from([0, 1, 2, 3, 4, -1, 1.0, 1.5, "1", True, 2**31, 2**63, 10**30])
bounds = st.sampled_from([0, 1, 2, 3, 1.5, -1, 2**70])
leaves = st.one_of(
    st.builds(Equals, st.just("cluster"), values),
    st.builds(In, st.just("cluster"), st.lists(values, max_size=3).map(tuple)),
    st.builds(lambda low, high: Range("cluster", gte=low, lt=high), bounds, bounds),
    st.builds(Equals, st.just("colour"), st.sampled_from(["red", "blue"])),
)
filters = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: And(tuple(parts))),
        st.lists(inner, max_size=3).map(lambda parts: Or(tuple(parts))),
        inner.map(Not),
    ),
    max_leaves=5,
)


def found(database: Database, wanted: Filter) -> list[int]:
    with database.session() as session:
        ids: list[int] = matching_ids(session, CollectionRepository(session).require("docs"), wanted).tolist()
        return ids


@pytest.fixture
def docs(database: Database) -> tuple[Database, dict[int, dict[str, object]]]:
    """Chunks of clusters that were built, and newer ones whose clusters are not stored; and their fields."""
    for number, middle in enumerate(DIRECTIONS):
        colour = {"colour": ["red", "blue"][number % 2], "cluster": "of the document"}
        add(database, f"group-{number}", around(middle, 6, 0.3, number), meta=colour)
    add(database, "elsewhere", around(DIRECTIONS[0], 5, 0.3, 9), collection="other")
    build_clusters(database, "docs", 4)
    build_clusters(database, "other", 2)
    add(database, "late", around(DIRECTIONS[1], 5, 0.8, 10), meta={"colour": "red"})
    delete_documents(database, "docs", "group-3")
    centroids, homes, vectors = stored(database)
    nearest = brute(centroids, vectors)
    assert len(homes) == len(nearest) - 5
    colours = dict.fromkeys(nearest, "red")
    with database.session() as session:
        row = CollectionRepository(session).require("docs")
        blue = matching_ids(session, row, Equals("colour", "blue")).tolist()
    colours.update(dict.fromkeys(blue, "blue"))
    assert len(blue) == 6
    return database, {i: {"cluster": number, "colour": colours[i]} for i, number in nearest.items()}


def test_sql_finds_what_the_filter_means(docs: tuple[Database, dict[int, dict[str, object]]]) -> None:
    database, fields = docs

    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(filters)
    def check(wanted: Filter) -> None:
        assert found(database, wanted) == sorted(i for i in fields if matches(wanted, fields[i]))

    check()
    for number in range(4):
        some = parse_filter({"field": "cluster", "equals": number})
        assert found(database, some) == sorted(i for i in fields if fields[i]["cluster"] == number)


def test_a_filter_by_clusters_that_were_not_built_says_so(database: Database) -> None:
    add(database, "a", around(DIRECTIONS[0], 3, 0.05, 1))
    with pytest.raises(NoClusters, match="tersus clusters --collection docs --build"):
        found(database, Not(Equals("cluster", 1)))
    assert len(found(database, Not(Equals("clusters", 1)))) == 3
