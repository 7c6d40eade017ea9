"""Support recall and precision, kept, and means with intervals."""

from __future__ import annotations

import math
import random
import statistics
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tersus.errors import InvalidInput
from tersus.eval.metrics import (
    Estimate,
    NotANumber,
    bootstrap_ci,
    kept_macro,
    kept_micro,
    support_precision,
    support_recall,
)

TEXT = "One two. Three four. Five."
FIRST, SECOND, THIRD = (0, 8), (9, 20), (21, 26)


@pytest.mark.parametrize(
    ("kept", "recall", "precision"),
    [
        ([FIRST, SECOND], 1.0, 1.0),
        ([(0, 26)], 1.0, 17 / 22),
        ([FIRST], 0.5, 1.0),
        ([(0, 7), SECOND], 0.5, 1.0),  # the first lost its full stop
        ([(0, 3), (4, 8)], 0.5, 1.0),  # only the blank between is missing
        ([FIRST, THIRD], 0.5, 7 / 12),
        ([THIRD], 0.0, 0.0),
        ([], 0.0, None),
    ],
)
def test_a_sentence_is_kept_when_all_its_ink_is(
    kept: list[tuple[int, int]], recall: float, precision: float | None
) -> None:
    assert support_recall([kept], [[FIRST, SECOND]], [TEXT]) == recall
    assert support_precision([kept], [[FIRST, SECOND]], [TEXT]) == precision


def test_support_is_summed_over_the_passages_of_a_question() -> None:
    texts = [TEXT, TEXT, TEXT]
    supporting = [[FIRST], [], [SECOND, THIRD]]
    kept = [[], [FIRST], [SECOND]]
    assert support_recall(kept, supporting, texts) == pytest.approx(1 / 3)
    assert support_precision(kept, supporting, texts) == 10 / 17


def test_without_labels_support_is_not_applicable() -> None:
    assert support_recall([[FIRST]], [None], [TEXT]) is None
    assert support_recall([[FIRST]], [[]], [TEXT]) is None
    assert support_recall([[FIRST]], [[(8, 9)]], [TEXT]) is None  # a blank sentence
    assert support_precision([[FIRST]], [None], [TEXT]) is None
    assert support_precision([[FIRST]], [[]], [TEXT]) is None
    assert support_recall([], [], []) is None


def test_rewritten_passages_are_not_applicable_where_they_had_labels() -> None:
    assert support_recall([None], [[FIRST]], [TEXT]) is None
    assert support_precision([None], [[FIRST]], [TEXT]) is None
    assert support_recall([None, [FIRST]], [[], [FIRST]], [TEXT, TEXT]) == 1.0
    assert support_precision([None, [FIRST]], [None, [FIRST]], [TEXT, TEXT]) == 1.0


def test_passages_without_labels_are_left_out_of_precision() -> None:
    assert support_precision([[FIRST], [THIRD]], [[FIRST], None], [TEXT, TEXT]) == 1.0


@pytest.mark.parametrize("metric", [support_recall, support_precision])
def test_spans_outside_a_text_and_unequal_lengths_are_refused(metric: Any) -> None:
    with pytest.raises(InvalidInput, match="one entry a passage"):
        metric([[FIRST]], [[FIRST], []], [TEXT])
    with pytest.raises(InvalidInput, match="outside passage 0"):
        metric([[(0, 27)]], [[FIRST]], [TEXT])
    with pytest.raises(InvalidInput, match="outside passage 0"):
        metric([[FIRST]], [[(5, 4)]], [TEXT])


SPANS = st.lists(
    st.tuples(st.integers(0, 26), st.integers(0, 26)).map(lambda p: (min(p), max(p))), max_size=4
)


@given(SPANS, SPANS, SPANS)
def test_support_agrees_with_a_painted_text_and_recall_never_falls_with_more_kept(
    kept: list[tuple[int, int]], more: list[tuple[int, int]], supporting: list[tuple[int, int]]
) -> None:
    painted = list(TEXT)
    for start, end in kept:
        painted[start:end] = ["#" if c != " " else c for c in TEXT[start:end]]
    labelled = [(s, e) for s, e in supporting if TEXT[s:e].strip()]
    whole = sum(set(painted[s:e]) <= {"#", " "} for s, e in labelled)
    recall = support_recall([kept], [supporting], [TEXT])
    assert recall == (whole / len(labelled) if labelled else None)
    grown = support_recall([kept + more], [supporting], [TEXT])
    assert (grown or 0) >= (recall or 0)
    hits = [any(s <= i < e for s, e in supporting) for i, c in enumerate(painted) if c == "#"]
    expected = sum(hits) / len(hits) if labelled and hits else None
    assert support_precision([kept], [supporting], [TEXT]) == expected


def test_kept_is_by_tokens_over_all_and_by_query() -> None:
    pairs = [(100, 10), (10, 10), (0, 0)]
    assert kept_micro(pairs) == pytest.approx(20 / 110)
    assert kept_macro(pairs) == pytest.approx(0.55)
    assert kept_micro([(10, 12)]) == pytest.approx(1.2)  # growth shows, and is not cut to 1


def test_kept_of_nothing_is_not_applicable() -> None:
    assert kept_micro([]) is None
    assert kept_macro([(0, 0)]) is None


@pytest.mark.parametrize("pair", [(-1, 0), (3, -1), (0, 1)])
def test_impossible_token_counts_are_refused(pair: tuple[int, int]) -> None:
    with pytest.raises(InvalidInput):
        kept_micro([pair])
    with pytest.raises(InvalidInput):
        kept_macro([pair])


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(0, 500)), min_size=1))
def test_kept_agrees_with_exact_fractions(pairs: list[tuple[int, int]]) -> None:
    micro = Fraction(sum(a for _, a in pairs), sum(b for b, _ in pairs))
    macro = sum(Fraction(a, b) for b, a in pairs) / len(pairs)
    assert kept_micro(pairs) == pytest.approx(float(micro))
    assert kept_macro(pairs) == pytest.approx(float(macro))


def test_the_interval_agrees_with_the_normal_approximation_for_many_values() -> None:
    source = random.Random(3)
    values = [float(source.random() < 0.3) for _ in range(2000)]
    estimate = bootstrap_ci(values, seed=1)
    mean = statistics.fmean(values)
    half = 1.96 * math.sqrt(mean * (1 - mean) / len(values))
    assert estimate.mean == pytest.approx(mean)
    assert estimate.low == pytest.approx(mean - half, abs=0.003)
    assert estimate.high == pytest.approx(mean + half, abs=0.003)


def test_the_interval_agrees_with_a_bootstrap_written_as_a_loop() -> None:
    source = random.Random(5)
    values = [source.expovariate(1) for _ in range(25)]
    means = sorted(statistics.fmean(source.choices(values, k=25)) for _ in range(20_000))
    estimate = bootstrap_ci(values, seed=2, n=20_000)
    assert estimate.low == pytest.approx(means[500], abs=0.02)
    assert estimate.high == pytest.approx(means[19_500], abs=0.02)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    values = [0.0, 1.0, 0.25, 0.5, 1.0, 0.75, 0.1]
    assert bootstrap_ci(values, seed=7) == bootstrap_ci(values, seed=7)
    assert bootstrap_ci(values, seed=7) != bootstrap_ci(values, seed=8)


def test_many_values_are_resampled_in_pieces_without_changing_the_interval() -> None:
    values = [float(i % 2) for i in range(30_000)]  # 300 resamples of it do not fit into one piece
    estimate = bootstrap_ci(values, seed=0, n=300)
    half = 1.96 * 0.5 / math.sqrt(30_000)
    assert estimate.low == pytest.approx(0.5 - half, abs=0.002)
    assert estimate.high == pytest.approx(0.5 + half, abs=0.002)


def test_none_is_left_out_and_counted() -> None:
    estimate = bootstrap_ci([1.0, None, 0.0, None, None])
    assert (estimate.mean, estimate.count, estimate.excluded) == (0.5, 2, 3)
    assert (estimate.low, estimate.high) == (0.0, 1.0)


def test_too_few_values_have_no_interval() -> None:
    assert bootstrap_ci([]) == Estimate(None, None, None, 0, 0)
    assert bootstrap_ci([None]) == Estimate(None, None, None, 0, 1)
    assert bootstrap_ci([0.5]) == Estimate(0.5, None, None, 1, 0)


def test_estimates_read_as_mean_and_interval() -> None:
    assert str(Estimate(0.5, 0.25, 0.754, 9, 0)) == "0.50 [0.25, 0.75]"
    assert str(Estimate(0.5, None, None, 1, 0)) == "0.50"
    assert str(Estimate(None, None, None, 0, 4)) == "–"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "0.5", 1j])
def test_what_is_no_finite_number_is_refused_with_its_position(value: Any) -> None:
    with pytest.raises(NotANumber, match="score 1 ") as caught:
        bootstrap_ci([0.5, value])
    assert caught.value.code == "not_a_number"


def test_a_bootstrap_without_resamples_is_refused() -> None:
    with pytest.raises(InvalidInput):
        bootstrap_ci([0.5, 1.0], n=0)
