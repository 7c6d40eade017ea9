"""The critical score: by hand, and against what the compressor really keeps at every threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tersus.compressors import ContractViolation, Span
from tersus.eval.critical import Critical, critical_score
from tersus.eval.data import EvalPassage, Example, join_sentences

TIDES = "The moon pulls the sea. Neap tides come at quarters. Sailors keep a table."
CUTS = (0, 24, 53, len(TIDES))


def spans(*scores: float, cuts: Sequence[int] = CUTS) -> list[Span]:
    ends = [end - 1 for end in cuts[1:-1]] + [cuts[-1]]
    return [Span(start, end, score) for start, end, score in zip(cuts, ends, scores, strict=False)]


def example(*passages: EvalPassage, answers: Sequence[str] = (), **fields: Any) -> Example:
    return Example("1", "Why?", tuple(answers), passages, "test", **fields)


def test_an_answer_string_stays_as_long_as_the_best_span_that_holds_it() -> None:
    passage = EvalPassage(TIDES + " The moon again.")
    found = critical_score(
        example(passage, answers=["Moon"]), [[*spans(0.25, 0.5, 0.75), Span(75, len(passage.text), 0.125)]]
    )
    assert found == Critical(0.25, "string")


def test_parts_of_words_do_not_count() -> None:
    found = critical_score(example(EvalPassage(TIDES), answers=["sail", "table"]), [spans(0.25, 0.5, 0.75)])
    assert found == Critical(0.75, "string")
    assert critical_score(example(EvalPassage(TIDES), answers=["sail"]), [spans(0.1, 0.2, 0.3)]) is None


def test_only_gold_passages_count_where_the_data_says_which_they_are() -> None:
    gold, other = EvalPassage(TIDES, is_gold=True), EvalPassage(TIDES, is_gold=False)
    candidates = [spans(0.9, 0.9, 0.9), spans(0.25, 0.5, 0.75)]
    assert critical_score(example(other, gold, answers=["quarters"]), candidates) == Critical(0.5, "string")
    plain = EvalPassage(TIDES)
    assert critical_score(example(plain, plain, answers=["quarters"]), candidates) == Critical(0.9, "string")


def test_marked_places_come_before_strings() -> None:
    passage = EvalPassage(TIDES, answer_spans=((29, 34),), is_gold=True)  # "tides" in the second sentence
    found = critical_score(example(passage, answers=["moon"]), [spans(0.9, 0.5, 0.75)])
    assert found == Critical(0.5, "marked")


def test_a_place_cut_in_two_stays_until_its_lesser_half_goes() -> None:
    passage = EvalPassage(TIDES, answer_spans=((19, 34),))  # "sea. Neap tides"
    assert critical_score(example(passage), [spans(0.9, 0.5, 0.75)]) == Critical(0.5, "marked")
    string = example(EvalPassage(TIDES), answers=["sea neap tides"])
    assert critical_score(string, [spans(0.25, 0.5, 0.75)]) == Critical(0.25, "string")


def test_what_no_span_covers_is_lost_at_every_threshold() -> None:
    marked = EvalPassage(TIDES, answer_spans=((19, 34),))
    first_only = [spans(0.9, 0.5, 0.75)[:1]]
    assert critical_score(example(marked), first_only) == Critical(-math.inf, "marked")
    string = example(EvalPassage(TIDES), answers=["quarters"])
    assert critical_score(string, first_only) == Critical(-math.inf, "string")
    assert critical_score(string, [[]]) == Critical(-math.inf, "string")


def test_spans_with_text_between_them_are_no_neighbours() -> None:
    first, _, third = spans(0.9, 0.5, 0.75)
    found = critical_score(
        example(EvalPassage(TIDES), answers=["sea. Neap tides come at quarters. Sailors"]), [[first, third]]
    )
    assert found == Critical(-math.inf, "string")


def test_yes_and_no_are_answered_by_a_supporting_sentence() -> None:
    text, cut = join_sentences(["The moon pulls.", "Tides come, yes.", "Sailors sail."])
    passage = EvalPassage(text, sentence_spans=cut, supporting=(0, 2), is_gold=True)
    candidates = [[Span(*place, score) for place, score in zip(cut, (0.25, 0.9, 0.5), strict=True)]]
    assert critical_score(example(passage, answers=["yes"]), candidates) == Critical(0.5, "supporting")
    assert critical_score(example(passage), candidates) == Critical(0.5, "supporting")
    absent = example(passage, answers=["1969 until 1974"])
    assert critical_score(absent, candidates) == Critical(0.5, "supporting")


def test_a_supporting_sentence_must_stay_whole() -> None:
    text, cut = join_sentences(["The moon pulls the sea."])
    passage = EvalPassage(text, sentence_spans=cut, supporting=(0,))
    halves = [Span(0, 8, 0.75), Span(9, len(text), 0.25)]
    assert critical_score(example(passage), [halves]) == Critical(0.25, "supporting")


def test_questions_that_say_nothing_about_the_compressor_are_left_out() -> None:
    candidates = [spans(0.1, 0.2, 0.3)]
    assert critical_score(example(EvalPassage(TIDES), answers=["moon"], impossible=True), candidates) is None
    assert critical_score(example(EvalPassage(TIDES), answers=["Mars"]), candidates) is None
    assert critical_score(example(EvalPassage(TIDES)), candidates) is None
    no_label = EvalPassage(TIDES, is_gold=False)
    assert critical_score(example(no_label, answers=["moon"]), candidates) is None


def test_a_compressor_that_loses_passages_is_caught() -> None:
    with pytest.raises(ContractViolation):
        critical_score(example(EvalPassage(TIDES), answers=["moon"]), [])


WORDS = ["moon", "sea", "tide", "sun"]
SENTENCE = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(SENTENCE, min_size=1, max_size=5), st.lists(st.integers(0, 4), min_size=5, max_size=5), SENTENCE
)
def test_the_answer_stands_in_what_stays_up_to_the_critical_score_and_not_beyond(
    sentences: list[str], scores: list[int], answer: str
) -> None:
    """Against another definition: some block of neighbours that are all kept holds the answer."""
    text, cut = join_sentences(sentences)
    candidates = [Span(*place, score / 4) for place, score in zip(cut, scores, strict=False)]
    found = critical_score(example(EvalPassage(text), answers=[answer]), [candidates])
    if found is None:
        assert f" {answer} " not in f" {text} "
        return
    for threshold in (n / 8 for n in range(-1, 10)):
        blocks, block = [], list[str]()
        for span, sentence in zip(candidates, sentences, strict=True):
            block = [*block, sentence] if span.score >= threshold else []
            blocks.append(" ".join(block))
        stands = any(f" {answer} " in f" {one} " for one in blocks)
        # An answer of at most three words reaches over at most three of these sentences.
        assert stands == (threshold <= found.score)
