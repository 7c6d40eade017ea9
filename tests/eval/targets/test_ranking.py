"""Metrics of a ranking, the way from spans to sentences, and the ratio of two averages."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from tersus.compressors import Span
from tersus.eval.metrics import NotANumber
from tersus.eval.targets.ranking import average_precision, ranked, reciprocal_rank
from tersus.eval.targets.ratio import bootstrap_ratio
from tersus.eval.targets.sentence_scores import sentence_scores


def test_ranks_fall_with_the_score_and_ties_keep_the_order_of_the_text() -> None:
    assert ranked([0.1, None, 0.9, 0.1, -5.0]) == [2, 0, 3, 4, 1]
    with pytest.raises(NotANumber):
        ranked([0.1, math.nan])


def test_metrics_are_those_of_the_textbook() -> None:
    scores = [0.9, 0.8, 0.7, 0.6, None]
    assert average_precision(scores, {0}) == 1.0
    assert average_precision(scores, {1, 3}) == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert average_precision(scores, {4}) == pytest.approx(1 / 5)
    assert reciprocal_rank(scores, {1, 3}) == 0.5
    assert average_precision(scores, set()) is None
    assert reciprocal_rank(scores, set()) is None
    assert (repr(average_precision), repr(reciprocal_rank)) == ("average_precision/1", "reciprocal_rank/1")


def test_average_precision_is_the_area_under_precision_of_every_right_rank() -> None:
    chance = np.random.default_rng(3)
    for _ in range(50):
        scores = chance.permutation(12) / 12
        right = {int(i) for i in chance.choice(12, size=4, replace=False)}
        hits = [int(i) in right for i in np.argsort(-scores)]
        precisions = [sum(hits[: k + 1]) / (k + 1) for k in range(12) if hits[k]]
        assert average_precision(scores.tolist(), right) == pytest.approx(statistics.mean(precisions))


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([Span(0, 10, 0.3), Span(11, 20, 0.7)], [0.3, 0.7]),
        ([Span(0, 4, 0.3), Span(5, 10, 0.6), Span(11, 20, 0.1)], [0.6, 0.1]),  # the best piece
        ([Span(0, 20, 0.4)], [0.4, 0.4]),  # one span over both
        ([Span(0, 13, 0.9), Span(13, 20, 0.2)], [0.9, 0.2]),  # two characters of the next are not it
        ([Span(8, 14, 0.5)], [0.5, 0.5]),  # half of it in neither, but nothing else touches them
        ([Span(0, 10, 0.3)], [0.3, None]),
        ([], [None, None]),
    ],
)
def test_a_sentence_has_the_score_of_the_span_that_is_mostly_it(
    spans: list[Span], expected: list[float | None]
) -> None:
    assert sentence_scores([(0, 10), (11, 20)], spans) == expected


def test_the_ratio_of_averages_is_not_the_average_of_ratios() -> None:
    pairs = [(1.0, 4.0), (3.0, 4.0), (2.0, 1.0), None]
    found = bootstrap_ratio(pairs)
    assert found.mean == pytest.approx(6 / 9)
    assert (found.count, found.excluded) == (3, 1)
    assert found.low is not None
    assert found.high is not None
    assert 0.25 <= found.low < 6 / 9 < found.high <= 2.0
    assert bootstrap_ratio(pairs, average="median").mean == pytest.approx(2 / 4)
    assert bootstrap_ratio(pairs, seed=1).low == bootstrap_ratio(pairs, seed=1).low


def test_a_ratio_that_is_the_same_for_every_question_has_no_spread() -> None:
    found = bootstrap_ratio([(2.0, 1.0), (20.0, 10.0), (6.0, 3.0)])
    assert (found.mean, found.low, found.high) == pytest.approx((2.0, 2.0, 2.0))


def test_no_pair_and_one_pair_have_no_interval() -> None:
    assert bootstrap_ratio([None]).mean is None
    one = bootstrap_ratio([(1.0, 2.0)])
    assert (one.mean, one.low, one.high, one.count) == (0.5, None, None, 1)


@pytest.mark.parametrize("pair", [(1.0, 0.0), (1.0, -1.0), (math.nan, 1.0), (1.0, math.inf)])
def test_what_makes_no_ratio_is_refused(pair: tuple[float, float]) -> None:
    with pytest.raises(NotANumber):
        bootstrap_ratio([(1.0, 1.0), pair])
