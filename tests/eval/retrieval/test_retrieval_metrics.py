"""Metrics of rankings against scikit-learn, trec_eval's definition and cases by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score
from tersus.eval.retrieval.metrics import Ndcg, RecallAt

IDS = [f"d{number}" for number in range(12)]


@given(st.permutations(IDS), st.lists(st.integers(0, 3), min_size=12, max_size=12), st.integers(1, 12))
def test_ndcg_is_scikit_learns(ranking: list[str], grades: list[int], k: int) -> None:
    judged = dict(zip(IDS, grades, strict=True))
    found = Ndcg(k)(ranking, judged)
    if not any(grades):
        assert found is None
        return
    scores = [[-ranking.index(number) for number in IDS]]
    assert found == pytest.approx(ndcg_score(np.array([grades]), np.array(scores), k=k))


def test_by_hand() -> None:
    grades = {"a": 1, "b": 1, "c": 0}
    assert Ndcg(10)(["x", "a", "c", "b"], grades) == pytest.approx(
        (1 / math.log2(3) + 1 / math.log2(5)) / (1 + 1 / math.log2(3))
    )
    assert Ndcg(1)(["x", "a"], grades) == 0
    assert RecallAt(2)(["x", "a", "b"], grades) == 0.5
    assert RecallAt(3)(["x", "a", "b"], grades) == 1
    assert RecallAt(3)([], grades) == 0
    assert RecallAt(3)(["a"], {"c": 0}) is Ndcg()(["a"], {}) is None
    assert (repr(Ndcg(10)), repr(RecallAt(100))) == ("ndcg@10/1", "recall@100/1")
    assert Ndcg(5) != Ndcg(10)
