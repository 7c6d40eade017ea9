"""What was lost, told so that a person can sort it."""

from __future__ import annotations

import json

import pytest
from tersus.compressors import Budget
from tersus.eval.baselines import HeadCompressor
from tersus.eval.targets import PARTS, losses, run_part

from .toys import Table, example, passage

RED, BIG, OLD = "It is red, I say.", "It is very big.", "It is old, too."
SCORES = Table({RED: 0.9, BIG: 0.4, OLD: 0.2})


def test_a_lost_sentence_is_told_with_its_score_and_rank_and_what_was_kept_instead() -> None:
    questions = [
        example("fine", ["red"], [passage([RED, BIG], [0])]),
        example("half", ["red"], [passage([RED, BIG], [0]), passage([OLD], [0], "U")]),
        example("lost", ["big"], [passage([RED, BIG], [1])]),
    ]
    half, lost = losses(run_part(PARTS["hotpotqa-adaptive"], SCORES, questions, label="mine"), SCORES)
    assert json.loads(json.dumps(half)) == {
        "part": "hotpotqa-adaptive",
        "compressor": "mine",
        "id": "half",
        "question": "what?",
        "answers": ["red"],
        "answer_recall": 1.0,
        "support_recall": 0.5,
        "kept_share": pytest.approx(half["kept_share"]),
        "lost": [{"passage": 1, "title": "U", "text": OLD, "score": 0.2, "rank": 3, "of": 3}],
        "kept": [{"passage": 0, "title": "T", "text": RED, "score": 0.9}],
    }
    assert (lost["id"], lost["answer_recall"], lost["support_recall"]) == ("lost", 0.0, 0.0)
    assert lost["lost"] == [{"passage": 0, "title": "T", "text": BIG, "score": 0.4, "rank": 2, "of": 2}]


def test_without_labels_the_sentences_with_the_answer_are_what_was_lost() -> None:
    questions = [example("q", ["old"], [passage([RED, OLD])])]
    (loss,) = losses(run_part(PARTS["nq-open-adaptive"], SCORES, questions), SCORES)
    assert loss["lost"] == [{"passage": 0, "title": "T", "text": OLD, "score": 0.2, "rank": 2, "of": 2}]
    assert loss["support_recall"] is None


def test_a_compressor_without_scores_has_its_losses_told_without_them() -> None:
    assert PARTS["hotpotqa"].budget == Budget(ratio=0.25)
    questions = [example("q", ["old"], [passage([RED, BIG, BIG, BIG, OLD], [4])])]
    (loss,) = losses(run_part(PARTS["hotpotqa"], HeadCompressor(), questions), HeadCompressor())
    assert loss["lost"] == [{"passage": 0, "title": "T", "text": OLD, "score": None, "rank": None, "of": 0}]
    (kept,) = json.loads(json.dumps(loss["kept"]))
    assert RED.startswith(kept["text"])
    assert kept["score"] is None


def test_a_ranking_tells_what_stands_before_the_right_sentence() -> None:
    questions = [
        example("first", [], [passage([RED, BIG], [0])]),
        example("third", [], [passage([OLD, RED, BIG], [0])]),
        example("none", [], [passage([OLD], [])]),
    ]
    (loss,) = losses(run_part(PARTS["selqa-ranking"], SCORES, questions), SCORES)
    assert (loss["id"], loss["reciprocal_rank"]) == ("third", 1 / 3)
    assert loss["lost"] == [{"passage": 0, "title": "T", "text": OLD, "score": 0.2, "rank": 3, "of": 3}]
    assert [k["text"] for k in loss["kept"]] == [RED, BIG]  # type: ignore[attr-defined]


def test_nothing_is_lost_where_nothing_was_asked() -> None:
    assert list(losses(run_part(PARTS["squad2-answerable"], HeadCompressor(), []), HeadCompressor())) == []
