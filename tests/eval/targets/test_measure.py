"""Compressing examples and ranking their sentences: figures against sums done by hand."""

from __future__ import annotations

import pytest
from tersus.compressors import Budget, CompressedPassage, Passage, Span, load_counter
from tersus.errors import NotInstalled
from tersus.eval.targets import measure, rank
from tersus.eval.targets.measure import kept_whole

from .toys import Table, example, passage

RED, BIG, OLD = "It is red, I say.", "It is very big.", "It is old, too."
QUESTIONS = [
    example("found", ["red"], [passage([RED, BIG, OLD], [0])]),
    example("lost", ["big"], [passage([RED, BIG, OLD], [0, 1])]),
    example("nowhere", ["blue"], [passage([BIG, OLD], [])]),
    example("unlabelled", ["old"], [passage([RED, OLD])]),
]
KEEPS_RED = Table({RED: 0.9, BIG: 0.4})


def test_figures_of_the_adaptive_budget_are_those_of_the_sentences_over_the_threshold() -> None:
    done: list[int] = []
    found = measure(KEEPS_RED, QUESTIONS, batch=3, advance=done.append)
    assert done == [3, 1]
    assert [o.example.id for o in found.outcomes] == ["found", "lost", "nowhere", "unlabelled"]
    assert [[o.compression.text] for o in found.outcomes] == [
        [f"T\n{RED}"],
        [f"T\n{RED}"],
        [""],
        [f"T\n{RED}"],
    ]
    answers = found.answer_recall()
    # Found, lost, not asked where it stands nowhere, lost.
    assert (answers.mean, answers.count, answers.excluded) == (1 / 3, 3, 1)
    support = found.support_recall()
    assert (support.mean, support.count) == ((1 + 0.5) / 2, 2)
    right = found.right_sentence()
    assert (right.mean, right.count, right.excluded) == (1.0, 2, 2)
    count = load_counter()
    whole = [count(f"T\n{text}") for text in (f"{RED} {BIG} {OLD}",) * 2 + (f"{BIG} {OLD}", f"{RED} {OLD}")]
    sent = [count(f"T\n{RED}")] * 2 + [0, count(f"T\n{RED}")]
    shares = [after / before for after, before in zip(sent, whole, strict=True)]
    assert found.kept().mean == pytest.approx(sum(shares) / 4)
    # Nothing holds "blue", so that question has no oracle.
    best = [count(f"T\n{RED}") / whole[0], count(f"T\n{BIG}") / whole[1], count(f"T\n{OLD}") / whole[3]]
    beside = found.kept_by_oracle()
    assert beside.mean == pytest.approx((shares[0] + shares[1] + shares[3]) / sum(best))
    assert (beside.count, beside.excluded) == (3, 1)


def test_a_ratio_keeps_the_best_sentences_that_fit() -> None:
    found = measure(Table({BIG: 0.3, OLD: 0.2}), QUESTIONS[1:2], Budget(ratio=0.8))
    assert found.outcomes[0].compression.text == f"T\n{BIG} {OLD}"
    assert found.answer_recall().mean == 1.0
    assert found.support_recall().mean == 0.5


def test_a_failing_question_costs_only_itself() -> None:
    failing = example("bad", ["red"], [passage([RED])], question="fail now")
    found = measure(KEEPS_RED, [QUESTIONS[0], failing, QUESTIONS[1]], batch=16)
    assert [o.example.id for o in found.outcomes] == ["found", "lost"]
    assert [(f.id, f.error) for f in found.failures] == [("bad", "ZeroDivisionError: told to")]
    assert "_score_batch" in found.failures[0].traceback
    ranked = rank(KEEPS_RED, [failing, QUESTIONS[0]])
    assert ([r.example.id for r in ranked.rankings], [f.id for f in ranked.failures]) == (["found"], ["bad"])


def test_a_missing_model_ends_the_run() -> None:
    absent = example("absent", ["red"], [passage([RED])], question="absent model")
    for run in (measure, rank):
        with pytest.raises(NotInstalled):
            run(KEEPS_RED, [absent])


def test_a_rewritten_passage_says_nothing_about_its_sentences() -> None:
    source = Passage(text=f"{RED} {BIG}")
    sentence = (0, len(RED))
    assert kept_whole(CompressedPassage.of(source, [Span(0, len(RED))]), sentence) is True
    assert kept_whole(CompressedPassage.of(source, [Span(0, len(RED) - 1)]), sentence) is False
    assert kept_whole(CompressedPassage(source, None, "red"), sentence) is None


def test_ranking_takes_all_labelled_passages_of_a_question_together() -> None:
    question = example("q", [], [passage([RED, BIG], [1]), passage([OLD], [0], "U"), passage([RED])])
    ranked = rank(Table({RED: 0.9, BIG: 0.4, OLD: 0.1}), [question, QUESTIONS[2]])
    (first, second) = ranked.rankings
    assert first.scores == (0.9, 0.4, 0.1)  # the third passage has no labels
    assert first.sentences == (
        (0, (0, len(RED))),
        (0, (len(RED) + 1, len(RED) + 1 + len(BIG))),
        (1, (0, len(OLD))),
    )
    assert first.right == {1, 2}
    assert first.average_precision == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert first.reciprocal_rank == 0.5
    assert second.average_precision is None  # no sentence is right
    assert ranked.mean_average_precision().count == 1
    assert ranked.mean_reciprocal_rank().mean == 0.5
