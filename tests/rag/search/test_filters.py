"""What a filter means, by cases; SQL is held to it in test_filter_sql."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tersus.errors import InvalidInput
from tersus.rag.search.filters import (
    And,
    Equals,
    In,
    InvalidFilter,
    Not,
    Or,
    Range,
    check_size,
    matches,
    parse_filter,
)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"field": "lang", "equals": "en"}, Equals("lang", "en")),
        ({"field": "lang", "in": ["en", 1]}, In("lang", ("en", 1))),
        ({"field": "year", "gte": 2020, "lt": 2025}, Range("year", gte=2020, lt=2025)),
        ({"and": [{"field": "a", "equals": True}]}, And((Equals("a", True),))),
        ({"or": []}, Or(())),
        ({"not": {"field": "", "gt": 1.5}}, Not(Range("", gt=1.5))),
    ],
)
def test_json_becomes_a_filter(data: Any, expected: Any) -> None:
    assert parse_filter(json.loads(json.dumps(data))) == expected


@pytest.mark.parametrize(
    "data",
    [
        None, [], "lang=en", 3, {}, {"field": "a"}, {"equals": 1}, {"field": "a", "equals": None},
        {"field": "a", "equals": math.nan}, {"field": "a", "gt": math.inf}, {"field": 1, "equals": 1},
        {"field": "a", "in": "abc"}, {"field": "a", "in": [[]]}, {"field": "a", "in": {"b": 1}},
        {"field": "a", "gt": True}, {"field": "a", "gt": 1, "lt": "b"}, {"field": "a", "gt": None},
        {"field": "a", "equals": 1, "gt": 2}, {"and": {"field": "a", "equals": 1}}, {"and": [1]},
        {"not": []}, {"and": [], "or": []}, {"field": "a", "like": "b"}, {"field": "a", "equals": {}},
    ],
)  # fmt: skip
def test_what_is_no_filter_is_refused_with_an_example(data: Any) -> None:
    with pytest.raises(InvalidFilter) as caught:
        parse_filter(data)
    assert isinstance(caught.value, InvalidInput)
    assert caught.value.hint


def test_filters_are_no_deeper_and_no_longer_than_databases_take() -> None:
    deep: Any = {"field": "a", "equals": 1}
    for _ in range(100_000):
        deep = {"not": deep}
    with pytest.raises(InvalidFilter, match="deep"):
        parse_filter(deep)
    with pytest.raises(InvalidFilter):
        parse_filter({"what": deep})
    one = Equals("a", 1)
    with pytest.raises(InvalidFilter, match="parts"):
        check_size(Or((one,) * 500))
    check_size(Or((one,) * 499))
    check_size(In("a", tuple(range(100_000))))


@pytest.mark.parametrize(
    ("wanted", "values", "expected"),
    [
        (Equals("a", 1), {"a": 1.0}, True),
        (Equals("a", 1), {"a": True}, False),
        (Equals("a", True), {"a": 1}, False),
        (Equals("a", "1"), {"a": 1}, False),
        (Equals("a", 0), {"a": -0.0}, True),
        (Equals("a", 2**53 + 1), {"a": float(2**53)}, False),
        (Equals("a", "x"), {"a": ["x"]}, False),
        (Equals("a", "x"), {"a": None}, False),
        (Equals("a", "x"), {}, False),
        (Not(Equals("a", "x")), {}, True),
        (In("a", ()), {"a": 1}, False),
        (In("a", ("x", 2)), {"a": 2.0}, True),
        (And(()), {}, True),
        (Or(()), {}, False),
        (Range("a", gt=1), {"a": 1}, False),
        (Range("a", gte=1, lt=2), {"a": 1}, True),
        (Range("a", lte=10**400), {"a": 1e308}, True),
        (Range("a", gte=0), {"a": True}, False),
        (Range("a", gte="2024-01-01", lt="2025"), {"a": "2024-06-30"}, True),
        (Range("a", gt=0), {"a": "5"}, False),
        (Range("a", gt=0), {"a": math.nan}, False),
    ],
)
def test_meaning(wanted: Any, values: dict[str, Any], expected: bool) -> None:
    assert matches(wanted, values) is expected


def test_text_is_compared_as_the_ledger_stores_it() -> None:
    assert Equals("a\x00", "b\ud800") == Equals("a\ufffd", "b\ufffd")


_KEYS = st.sampled_from(["field", "equals", "in", "gt", "and", "or", "not"]) | st.text()
_SCALARS = st.none() | st.booleans() | st.floats() | st.text()


@given(st.recursive(_SCALARS, lambda inner: st.lists(inner) | st.dictionaries(_KEYS, inner)))
def test_any_json_is_a_filter_or_a_clear_error(data: Any) -> None:
    try:
        wanted = parse_filter(data)
    except InvalidFilter:
        return
    assert matches(Not(wanted), {"": 1}) is not matches(wanted, {"": 1})
