"""Any sequence of changes and searches leaves an index equal to a dict."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tersus.indexes import DuplicateId, create_index, load_snapshot, save_snapshot

# Few ids and few directions, so that repeated ids, equal vectors and ties are common.
IDS = st.integers(0, 12)
VECTORS = st.tuples(*[st.integers(-2, 2)] * 3).filter(any)
STEPS = st.one_of(
    st.tuples(st.just("add"), st.dictionaries(IDS, VECTORS, max_size=6)),
    st.tuples(st.just("remove"), st.lists(IDS, max_size=6)),
    st.tuples(st.just("search"), st.tuples(VECTORS, st.integers(1, 15), st.none() | st.lists(IDS))),
    st.tuples(st.just("reload"), st.none()),
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=15))
def test_an_index_behaves_as_a_dict_of_vectors(
    kind: str, check_search: Any, steps: list[tuple[str, Any]]
) -> None:
    index, model = create_index(kind, 3), dict[int, tuple[int, ...]]()
    for step, given_value in steps:
        if step == "add" and model.keys() & given_value.keys():
            with pytest.raises(DuplicateId):
                index.add(list(given_value), list(given_value.values()))
        elif step == "add":
            index.add(list(given_value), list(given_value.values()))
            model |= given_value
        elif step == "remove":
            assert index.remove(given_value) == len(model.keys() & set(given_value))
            model = {name: vector for name, vector in model.items() if name not in given_value}
        elif step == "search":
            query, k, allowed = given_value
            check_search(index, model, [query], k, allowed)
        else:
            with tempfile.TemporaryDirectory() as folder:
                save_snapshot(index, Path(folder, "s"), sequence=0, embedding_model="m")
                index, _ = load_snapshot(Path(folder, "s"))
        assert index.ids().tolist() == sorted(model)
        assert len(index) == len(model)
    check_search(index, model, [(1, 1, 1), (0, -1, 2)], 5)
