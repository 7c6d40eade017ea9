"""ROUGE against values worked out by hand, and against counting with lists."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tersus.errors import InvalidInput
from tersus.eval.metrics.rouge import rouge1, rouge2


def test_values_by_hand() -> None:
    text, summary = "The cat sat on the mat.", "the cat was on the mat"
    # 6 words each; the, cat, on, the, mat in common
    assert rouge1(text, [summary]) == pytest.approx(5 / 6)
    # 5 pairs each; the cat, on the, the mat in common
    assert rouge2(text, [summary]) == pytest.approx(3 / 5)


def test_precision_and_recall_both_count() -> None:
    # 2 of 4 words, 2 of 2: P 0.5, R 1, F1 2/3
    assert rouge1("good battery and screen", ["good battery"]) == pytest.approx(2 / 3)
    # 1 of 3 pairs, 1 of 1: P 1/3, R 1, F1 1/2
    assert rouge2("good battery and screen", ["good battery"]) == pytest.approx(1 / 2)


def test_a_word_counts_as_often_as_both_sides_have_it() -> None:
    # 3 and 2 words; "very" once in common
    assert rouge1("very very very", ["very good"]) == pytest.approx(2 / 5)


def test_of_several_summaries_the_mean_counts() -> None:
    assert rouge1("good", ["good", "bad"]) == pytest.approx(0.5)


def test_case_and_punctuation_make_no_difference_and_stems_do() -> None:
    assert rouge1("GOOD, battery!", ["good battery"]) == 1.0
    assert rouge1("batteries", ["battery"]) == 0.0
    assert rouge1("Größe 表", ["größe 表"]) == 1.0


def test_a_summary_without_an_n_gram_is_left_out() -> None:
    assert rouge1("good", []) is None
    assert rouge1("good", ["...", ""]) is None
    assert rouge2("good battery", ["good"]) is None
    assert rouge2("good battery", ["good", "good battery"]) == 1.0
    assert rouge1("", ["good"]) == 0.0
    assert rouge2("good", ["good battery"]) == 0.0


@given(text=st.text(), summary=st.text("aAb .,", min_size=1, max_size=30))
def test_the_values_are_those_of_striking_out_one_by_one(text: str, summary: str) -> None:
    for metric, size in ((rouge1, 1), (rouge2, 2)):
        own, gold = (_grams(t, size) for t in (text + " " + summary[::-1], summary))
        found = metric(text + " " + summary[::-1], [summary])
        if not gold:
            assert found is None
            continue
        left, common = list(own), 0
        for gram in gold:
            if gram in left:
                left.remove(gram)
                common += 1
        if not common:
            assert found == 0
            continue
        precision, recall = common / len(own), common / len(gold)
        assert found == pytest.approx(2 * precision * recall / (precision + recall))


def _grams(text: str, size: int) -> list[str]:
    words = [w for w in re.split(r"[\W_]+", text.lower()) if w]
    return [" ".join(words[i : i + size]) for i in range(len(words) - size + 1)]


def test_one_string_is_refused_and_the_identity_has_a_version() -> None:
    with pytest.raises(InvalidInput):
        rouge1("good", "good")
    assert (repr(rouge1), repr(rouge2)) == ("rouge1/1", "rouge2/1")
