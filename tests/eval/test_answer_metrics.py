"""Exact match, F1 and answer recall against an independent computation and known pairs."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tersus.errors import InvalidInput
from tersus.eval.metrics import AnswerRecall, ExactMatch, answer_recall, exact_match, f1
from tersus.rag.normalise import answer_tokens, normalise_answer

TEXT = st.text(alphabet="aAnthe xyZ19.,-'\u2013é", max_size=24)
ANSWERS = st.lists(TEXT, min_size=1, max_size=3)


def plain_tokens(text: str) -> list[str]:
    """SQuAD's normal form, character by character instead of by patterns."""
    kept = "".join(c for c in text.lower() if c not in set(string.punctuation))
    words, word = [], ""
    for c in kept + " ":
        if c.isalnum() or c == "_":
            word += c
        else:
            words += [word if word not in ("a", "an", "the") else " ", c]
            word = ""
    return "".join(words).split()


def plain_f1(said: list[str], gold: list[str]) -> float:
    """F1 by crossing off one word after the other."""
    if not said or not gold:
        return 1.0 if said == gold else 0.0
    left, hits = list(gold), 0
    for word in said:
        if word in left:
            left.remove(word)
            hits += 1
    if not hits:
        return 0.0
    precision, recall = hits / len(said), hits / len(gold)
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The Eiffel Tower", "eiffel tower"),
        (" an  apple\ta day ", "apple day"),
        ("U.S.A.", "usa"),
        ("$3.5 million", "35 million"),
        ("vice-president", "vicepresident"),
        ("theatre another than", "theatre another than"),
        ("“The” end", "“ ” end"),
        ("1969–1974", "1969–1974"),
        ("The.", ""),
        ("a-an-the", "aanthe"),
    ],
)
def test_the_normal_form_is_squads(text: str, normal: str) -> None:
    assert normalise_answer(text) == normal


@given(TEXT)
def test_the_normal_form_agrees_with_one_built_character_by_character(text: str) -> None:
    assert answer_tokens(text) == plain_tokens(text)


@pytest.mark.parametrize(
    ("said", "answers", "match", "overlap"),
    [
        ("the Denver Broncos!", ["Denver Broncos"], 1.0, 1.0),
        ("Denver", ["Denver Broncos"], 0.0, 2 / 3),
        ("Denver Broncos won", ["Carolina", "Denver Broncos"], 0.0, 0.8),
        ("to to be", ["to be to be"], 0.0, 6 / 7),
        ("red", ["blue"], 0.0, 0.0),
        ("", ["blue"], 0.0, 0.0),
        ("", [""], 1.0, 1.0),
        ("The", ["a"], 1.0, 1.0),
    ],
)
def test_exact_match_and_f1_of_known_pairs(
    said: str, answers: list[str], match: float, overlap: float
) -> None:
    assert exact_match(said, answers) == match
    assert f1(said, answers) == pytest.approx(overlap)


def test_without_gold_answers_nothing_is_scored() -> None:
    assert exact_match("Paris", []) is None
    assert f1("Paris", []) is None
    assert answer_recall([], "Paris") is None


@pytest.mark.parametrize("call", [exact_match, f1, lambda said, gold: answer_recall(gold, said)])
def test_a_bare_string_is_not_taken_for_a_list_of_answers(call: object) -> None:
    assert callable(call)
    with pytest.raises(InvalidInput, match="sequence of strings"):
        call("Paris", "Paris")


@given(TEXT, ANSWERS)
def test_exact_match_and_f1_agree_with_brute_force(said: str, answers: list[str]) -> None:
    tokens = [plain_tokens(answer) for answer in answers]
    assert exact_match(said, answers) == float(plain_tokens(said) in tokens)
    assert f1(said, answers) == pytest.approx(max(plain_f1(plain_tokens(said), gold) for gold in tokens))


@given(TEXT, TEXT)
def test_f1_is_symmetric_lies_in_its_range_and_is_one_for_a_match(one: str, other: str) -> None:
    score = f1(one, [other])
    assert score is not None
    assert score == f1(other, [one])
    assert 0 <= score <= 1
    if exact_match(one, [other]):
        assert score == 1


@pytest.mark.parametrize(
    ("answers", "text", "found"),
    [
        (["Art"], "Napoleon Bonaparte", 0.0),
        (["art"], "The art of war", 1.0),
        (["Bonaparte"], "Bonaparte's hat", 0.0),  # the apostrophe goes, and "bonapartes" is one word
        (["Frank Herbert"], "by frank\nherbert.", 1.0),
        (["The Who"], "who?", 1.0),
        (["Paris"], "“Paris”", 1.0),
        (["1969"], "1969–1974", 1.0),
        (["1969"], "1969-1974", 0.0),  # SQuAD's form glues what an ASCII hyphen joins
        (["969"], "in 1969", 0.0),
        (["art"], "party art", 1.0),  # the first occurrence is inside a word, the second is not
        (["हिन"], "हिनी", 0.0),  # the next character is a vowel sign of the same word
        (["London", "Paris"], "in Paris", 1.0),
        (["Paris"], "", 0.0),
    ],
)
def test_an_answer_stands_in_a_text_only_as_whole_words(answers: list[str], text: str, found: float) -> None:
    assert answer_recall(answers, text) == found


@pytest.mark.parametrize("answers", [[], [""], ["The", "!"], ["yes"], ["No."], ["Yes", ""]])
def test_answers_that_cannot_be_looked_up_are_not_applicable(answers: list[str]) -> None:
    assert answer_recall(answers, "yes no the the") is None


def test_a_judgement_beside_a_real_answer_does_not_count_as_found() -> None:
    assert answer_recall(["yes", "Paris"], "yes indeed") == 0.0


@given(ANSWERS, TEXT)
def test_answer_recall_agrees_with_a_search_over_words(answers: list[str], text: str) -> None:
    def words(line: str) -> list[str]:
        return "".join(c if c.isalnum() else " " for c in " ".join(plain_tokens(line))).split()

    # En dashes are kept by the normal form and separate words: answers with none of them can be
    # compared word by word.
    gold = [a for a in answers if "\u2013" not in a]
    sought = [w for w in map(words, gold) if w and w not in (["yes"], ["no"])]
    runs = [words(piece) for piece in " ".join(plain_tokens(text)).split("\u2013")]
    found = any(run[i : i + len(w)] == w for w in sought for run in runs for i in range(len(run)))
    assert answer_recall(gold, text) == (float(found) if sought else None)


@given(ANSWERS, st.lists(TEXT, max_size=5), st.integers(0, 5))
def test_answer_recall_never_falls_when_a_sentence_is_added_at_the_end(
    answers: list[str], sentences: list[str], cut: int
) -> None:
    less = answer_recall(answers, " ".join(sentences[:cut]))
    more = answer_recall(answers, " ".join(sentences))
    assert (less is None) == (more is None)
    assert (less or 0) <= (more or 0)


def test_a_metric_is_known_by_its_name_and_version() -> None:
    assert repr(exact_match) == "exact_match/1"
    assert ExactMatch() == exact_match
    assert len({AnswerRecall(), answer_recall, exact_match}) == 2

    class Newer(ExactMatch):
        version = 2

    assert Newer() != exact_match
