"""Labels on our segments, from each kind of label that data sets have."""

from __future__ import annotations

from tersus.eval.data import EvalPassage, Example, join_sentences
from tersus.eval.exit.labels import label


def example(
    *passages: EvalPassage, answers: tuple[str, ...] = ("Paris",), impossible: bool | None = None
) -> Example:
    return Example("q", "Where did the dog live?", answers, passages, "test", impossible)


def test_supporting_sentences_are_needed_and_repeated_answers_beside_them_left_open() -> None:
    text, spans = join_sentences(["The dog lived in Paris.", "Paris is old.", "Cats purr."])
    supported = EvalPassage(text, "Dogs", True, spans, (0,))
    other = EvalPassage(text, "Elsewhere", False, spans, ())
    found = label(example(supported, other))
    assert [p.labels.tolist() for p in found.passages] == [[1, -1, 0], [0, 0, 0]]
    assert [p.useful for p in found.passages] == [True, False]


def test_a_marked_answer_makes_its_sentence_needed() -> None:
    text = "Cats purr. The dog lived in Paris."
    start = text.index("Paris")
    found = label(example(EvalPassage(text, answer_spans=((start, start + 5),))))
    assert found.passages[0].labels.tolist() == [0, 1]


def test_of_several_answer_strings_the_one_nearest_to_the_question_is_taken() -> None:
    found = label(example(EvalPassage("Paris is old. The dog did live in Paris. Cats purr.")))
    assert found.passages[0].labels.tolist() == [-1, 1, 0]


def test_where_the_answer_is_in_no_sentence_nothing_is_known() -> None:
    assert label(example(EvalPassage("Cats purr. Dogs bark."))).passages[0].labels.tolist() == [-1, -1]


def test_of_an_unanswerable_question_no_sentence_is_needed() -> None:
    found = label(example(EvalPassage("Paris is old. Dogs bark."), answers=(), impossible=True))
    assert found.passages[0].labels.tolist() == [0, 0]


def test_underscores_of_titles_are_blanks() -> None:
    assert label(example(EvalPassage("Paris.", title="New_York"))).passages[0].passage.title == "New York"
