"""Our metrics against independent implementations of the same definitions."""

from __future__ import annotations

import random
from typing import Any

import pytest
from tersus.eval.metrics import exact_match, f1, paired_difference, support_fbeta
from tersus.eval.metrics.rouge import rouge1, rouge2
from tersus.eval.retrieval.metrics import Ndcg, RecallAt, ReciprocalRank

WORDS = [
    "the",
    "a",
    "Paris",
    "U.S.",
    "army",
    "1969-1974",
    "co-op",
    "it's",
    "river",
    "of",
    "Seine",
    "é",
    "42",
    "!",
]


def _text(draw: random.Random) -> str:
    return " ".join(draw.choice(WORDS) for _ in range(draw.randint(1, 7)))


def _pairs(count: int = 150) -> list[tuple[str, list[str]]]:
    draw = random.Random(7)
    return [(_text(draw), [_text(draw) for _ in range(draw.randint(1, 3))]) for _ in range(count)]


def test_exact_match_and_f1_are_those_of_torchmetrics() -> None:
    squad: Any = pytest.importorskip("torchmetrics.functional.text").squad
    compared = 0
    for said, golds in _pairs():
        theirs = squad(
            {"prediction_text": said, "id": "1"},
            {"answers": {"answer_start": [0] * len(golds), "text": golds}, "id": "1"},
        )
        assert exact_match(said, golds) == pytest.approx(float(theirs["exact_match"]) / 100)
        ours = f1(said, golds)
        if ours == 1.0 and float(theirs["f1"]) == 0.0:
            continue  # both sides empty after normalisation: v1.1 says 0, v2.0 and we say 1
        assert ours == pytest.approx(float(theirs["f1"]) / 100)
        compared += 1
    assert compared > 140


def test_rouge_is_that_of_rouge_score() -> None:
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(["rouge1", "rouge2"])
    compared = 0
    for said, golds in _pairs():
        for name, ours in (("rouge1", rouge1), ("rouge2", rouge2)):
            ascii_said, ascii_golds = said.replace("é", "e"), [gold.replace("é", "e") for gold in golds]
            found = ours(ascii_said, ascii_golds[:1])
            if found is not None:  # theirs is 0 where the gold text has no n-gram, ours does not apply
                assert found == pytest.approx(scorer.score(ascii_golds[0], ascii_said)[name].fmeasure)
                compared += 1
    assert compared > 200


def test_ranking_metrics_are_those_of_ir_measures() -> None:
    ir: Any = pytest.importorskip("ir_measures")
    draw = random.Random(3)
    pairs: list[tuple[Any, Any]] = [
        (ir.nDCG @ 10, Ndcg(10)),
        (ir.R @ 5, RecallAt(5)),
        (ir.RR @ 10, ReciprocalRank(10)),
    ]
    for _ in range(60):
        documents = [f"d{n}" for n in range(20)]
        draw.shuffle(documents)
        ranking = documents[: draw.randint(1, 20)]
        grades = {f"d{n}": draw.choice([0, 0, 1, 2]) for n in range(20)}
        if not any(grades.values()):
            continue
        qrels = [ir.Qrel("q", d, g) for d, g in grades.items()]
        run = [ir.ScoredDoc("q", d, float(-rank)) for rank, d in enumerate(ranking)]
        for theirs, ours in pairs:
            assert ours(ranking, grades) == pytest.approx(ir.calc_aggregate([theirs], qrels, run)[theirs])


def test_f_beta_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import fbeta_score, precision_score, recall_score

    draw = random.Random(5)
    for _ in range(50):
        gold = [draw.randint(0, 1) for _ in range(12)] + [1]
        kept = [draw.randint(0, 1) for _ in range(12)] + [1]
        recall, precision = float(recall_score(gold, kept)), float(precision_score(gold, kept))
        for beta in (1.0, 2.0):
            assert support_fbeta(recall, precision, beta) == pytest.approx(fbeta_score(gold, kept, beta=beta))
    assert support_fbeta(0.0, 0.0, 2.0) == 0.0
    assert support_fbeta(None, 1.0, 2.0) is None


def test_the_randomisation_test_is_scipys_permutation_test() -> None:
    import numpy as np
    from scipy.stats import permutation_test

    draw = np.random.default_rng(1)
    one, other = draw.random(12), draw.random(12) - 0.15
    exact = permutation_test(
        (one, other), lambda a, b: float(np.mean(a - b)), permutation_type="samples", n_resamples=np.inf
    )
    found = paired_difference(one.tolist(), other.tolist())
    assert found.mean == pytest.approx(float(np.mean(one - other)))
    assert found.p_value == pytest.approx(exact.pvalue, abs=0.02)


def test_a_difference_needs_pairs_and_leaves_out_what_does_not_apply() -> None:
    from tersus.errors import InvalidInput
    from tersus.eval.metrics import NotANumber

    found = paired_difference([1.0, None, 0.5], [0.0, None, 0.5])
    assert (found.mean, found.count) == (0.5, 2)
    assert paired_difference([None], [None]).mean is None
    assert paired_difference([1.0], [0.0]).low is None
    for one, other, error in (
        ([1.0], [], InvalidInput),
        ([1.0], [None], InvalidInput),
        ([float("nan")], [0.0], NotANumber),
    ):
        with pytest.raises(error):
            paired_difference(one, other)
