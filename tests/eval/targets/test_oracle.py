"""The least that can be sent: the smallest set of sentences that holds an answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tersus.compressors import load_counter
from tersus.eval.targets.oracle import answer_sentences, oracle_tokens, sentences_of

from .toys import example, passage

LONG = "The town of Rome lies on a river and has been there for a very long time."
SHORT = "Rome is old."
OTHER = "Rain fell."


def test_the_shortest_sentence_with_an_answer_is_taken_with_its_title() -> None:
    question = example("q", ["rome"], [passage([LONG, OTHER]), passage([OTHER, SHORT], title="Rome")])
    first, second = question.passages
    assert answer_sentences(question) == [(0, [(0, len(LONG))]), (1, [sentences_of(second)[1]])]
    assert first.text[slice(*sentences_of(first)[0])] == LONG
    assert oracle_tokens(question) == load_counter()(f"Rome\n{SHORT}")


def test_an_answer_over_two_sentences_needs_both() -> None:
    question = example("q", ["Dr. No"], [passage(["It was Dr.", "No was the villain.", OTHER])])
    (found,) = answer_sentences(question)
    assert found == (0, [(0, 10), (11, 30)])
    assert oracle_tokens(question) == load_counter()("T\nIt was Dr. No was the villain.")


def test_marks_say_more_than_strings() -> None:
    text = f"{SHORT} {LONG}"
    start = text.index("Rome", 5)
    marked = replace(passage([SHORT, LONG]), answer_spans=((start, start + 4),))
    question = example("q", ["Rome"], [marked])
    assert answer_sentences(question) == [(0, [(len(SHORT) + 1, len(text))])]
    assert oracle_tokens(question) == load_counter()(f"T\n{LONG}")


def test_text_that_the_data_set_gives_uncut_is_cut_by_us() -> None:
    uncut = replace(passage([OTHER, SHORT]), sentence_spans=None)
    assert [uncut.text[a:b] for a, b in sentences_of(uncut)] == [OTHER, SHORT]
    assert oracle_tokens(example("q", ["Rome"], [uncut])) == load_counter()(f"T\n{SHORT}")


def test_without_answers_the_labelled_sentences_count() -> None:
    question = example("q", [], [passage([LONG, OTHER, SHORT], [0, 2])])
    assert oracle_tokens(question) == load_counter()(f"T\n{SHORT}")


@pytest.mark.parametrize("answers", [["Paris"], [], ["yes"]])
def test_there_is_no_oracle_where_no_sentence_holds_an_answer(answers: list[str]) -> None:
    question = example("q", answers, [passage([LONG, OTHER], [])])
    assert answer_sentences(question) == []
    assert oracle_tokens(question) is None
