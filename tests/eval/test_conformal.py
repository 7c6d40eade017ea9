"""Conformal risk control against brute force; its guarantee exactly on small pools, and by resampling."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tersus.errors import InvalidInput
from tersus.eval.conformal import (
    RiskTooSmall,
    check_size,
    crc_threshold,
    expected_loss,
    questions_needed,
    smallest_risk,
)
from tersus.eval.resample import resample

RISKS = st.sampled_from([0.01, 0.05, 0.07, 0.1, 0.2, 0.29, 1 / 3, 0.5, 0.9, 0.99])
SCORES = st.one_of(st.just(-math.inf), st.integers(0, 6).map(lambda n: n / 8), st.floats(-2, 2))


def satisfied(critical: list[float], threshold: float, risk: float) -> bool:
    """The condition of the paper, word for word, in exact fractions."""
    n = len(critical)
    loss = Fraction(sum(not score >= threshold for score in critical), n)
    return Fraction(n, n + 1) * loss + Fraction(1, n + 1) <= Fraction(str(risk))


@settings(max_examples=300, deadline=None)
@given(st.lists(SCORES, min_size=1, max_size=40), RISKS)
def test_the_threshold_is_the_largest_of_a_fine_grid_that_satisfies_the_papers_condition(
    critical: list[float], risk: float
) -> None:
    scores = {score for score in critical if score > -math.inf}
    grid = {x for s in scores for x in (s, math.nextafter(s, -9), math.nextafter(s, 9))}
    grid |= {x / 50 for x in range(-150, 151)}
    good = [threshold for threshold in grid if satisfied(critical, threshold, risk)]
    if not good:
        with pytest.raises(RiskTooSmall):
            crc_threshold(critical, risk)
        return
    assert crc_threshold(critical, risk) == max(good)


def test_a_hand_calculated_case() -> None:
    critical = [n / 100 for n in range(1, 40)]  # 39 questions: floor(0.1 * 40) = 4, so 3 losses are allowed
    assert crc_threshold(critical[::-1], 0.1) == 0.04


@pytest.mark.parametrize(
    ("risk", "needed"), [(0.05, 19), (0.1, 9), (0.01, 99), (0.5, 1), (0.3, 3), (0.29, 3)]
)
def test_the_fewest_questions_for_a_risk(risk: float, needed: int) -> None:
    assert questions_needed(risk) == needed == math.ceil(1 / Fraction(str(risk))) - 1
    scores = [0.5] * needed
    assert crc_threshold(scores, risk) == 0.5
    with pytest.raises(RiskTooSmall) as caught:
        crc_threshold(scores[1:], risk)
    assert caught.value.code == "risk_too_small"
    assert f"at least {needed} questions" in str(caught.value)


def test_a_decimal_risk_is_not_lost_to_binary_rounding() -> None:
    assert 0.29 * 100 < 29  # what floats make of it
    critical = [float(n) for n in range(99)]
    assert crc_threshold(critical, 0.29) == 28.0
    assert expected_loss(99, 0.29) == 0.29


def test_the_hint_names_a_risk_that_the_set_can_promise() -> None:
    critical = [0.5] * 15
    with pytest.raises(RiskTooSmall, match=r"at least 0\.063"):
        crc_threshold(critical, 0.05)
    assert crc_threshold(critical, 0.063) == 0.5


def test_questions_that_always_lose_their_answer_bound_the_risk() -> None:
    critical = [-math.inf] * 3 + [0.5] * 96
    assert smallest_risk(critical) == Fraction(4, 100)
    with pytest.raises(RiskTooSmall, match=r"3 of the 99.*is 0\.04\)"):
        crc_threshold(critical, 0.03)
    assert crc_threshold(critical, 0.04) == 0.5


@pytest.mark.parametrize("risk", [0, 1, -0.1, 5, math.nan, True, "0.05"])
def test_a_risk_that_is_no_share_is_refused(risk: float) -> None:
    with pytest.raises(InvalidInput):
        crc_threshold([0.5] * 50, risk)
    with pytest.raises(InvalidInput):
        check_size(50, risk)


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_scores_without_order_are_refused(score: float) -> None:
    with pytest.raises(InvalidInput):
        crc_threshold([0.5] * 50 + [score], 0.05)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=3, max_size=7), st.sampled_from([0.25, 0.3, 0.5, 0.6]))
def test_over_every_order_of_a_pool_the_loss_of_the_next_question_is_at_most_the_risk(
    pool: list[int], risk: float
) -> None:
    """The guarantee itself, exactly, with ties: every question is the next one equally often."""
    n = len(pool) - 1
    if n < questions_needed(risk):
        return
    losses = []
    for held_out in range(len(pool)):
        rest = [float(x) for i, x in enumerate(pool) if i != held_out]
        losses.append(pool[held_out] < crc_threshold(rest, risk))
    assert Fraction(sum(losses), len(losses)) <= Fraction(str(risk))
    if len(set(pool)) == len(pool):
        assert sum(losses) / len(losses) == pytest.approx(expected_loss(n, risk))


@pytest.mark.parametrize(("size", "risk"), [(110, 0.05), (58, 0.05), (398, 0.1), (248, 0.2)])
def test_over_200_fresh_splits_the_mean_loss_is_as_calculated_and_at_most_the_risk(
    size: int, risk: float
) -> None:
    """Scores of a known distribution, new ones for each split: calibrate on ``size``, test on 1000."""
    chance = np.random.default_rng(7)
    losses = []
    for _ in range(200):
        critical = chance.beta(2, 5, size=size + 1000)
        threshold = crc_threshold(critical[:size].tolist(), risk)
        losses.append(float(np.mean(critical[size:] < threshold)))
    mean, error = float(np.mean(losses)), float(np.std(losses, ddof=1) / math.sqrt(200))
    assert abs(mean - expected_loss(size, risk)) < 3.5 * error
    assert risk - 2 / (size + 1) < expected_loss(size, risk) <= risk  # near the risk, never above
    assert mean <= risk
    assert mean > 0.6 * risk


def test_without_the_correction_for_the_sets_size_the_promise_would_be_broken() -> None:
    """So the test above can fail: the plain quantile loses more than the risk on small sets."""
    chance = np.random.default_rng(7)
    plain, corrected = [], []
    for _ in range(2000):
        critical = chance.random(40)
        plain.append(sorted(critical)[math.floor(0.05 * 40)])  # a share x lies below the threshold x
        corrected.append(crc_threshold(critical.tolist(), 0.05))
    assert np.mean(plain) > 0.065
    assert np.mean(corrected) < 0.05


def test_with_many_ties_the_loss_is_smaller_still() -> None:
    chance = np.random.default_rng(3)
    critical = np.round(chance.random(300), 1)
    found = resample(critical, 0.1)
    assert 0 < found.mean < 0.1
    assert found.verdict == "holds"


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_resampling_one_set_comes_to_what_is_expected_of_it(seed: int) -> None:
    critical = np.random.default_rng(seed).normal(size=253)
    found = resample(critical, 0.05, splits=200, seed=seed)
    assert found.sizes == (126, 127)
    assert found.expected == pytest.approx((6 / 127 + 6 / 128) / 2)
    assert abs(found.mean - found.expected) < 4 * found.standard_error
    assert 0 < found.standard_error < 0.002
    assert found.mean <= 0.05
    assert found == resample(critical.tolist(), 0.05, splits=200, seed=seed)


def test_a_set_whose_halves_are_too_small_is_refused() -> None:
    with pytest.raises(RiskTooSmall, match="18 calibration questions"):
        resample([0.1 * n for n in range(36)], 0.05)
    with pytest.raises(InvalidInput):
        resample([0.5] * 100, 0.05, splits=1)


def test_every_order_of_the_same_scores_gives_the_same_threshold() -> None:
    scores = [0.3, 0.1, 0.2, 0.2, 0.9]
    assert {crc_threshold(order, 0.4) for order in itertools.permutations(scores)} == {0.2}
