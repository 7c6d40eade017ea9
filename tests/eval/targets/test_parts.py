"""What is asked of which questions: the issue's table, and its questions on a small data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tersus.errors import NotInstalled
from tersus.eval.baselines import Bm25Compressor, HeadCompressor
from tersus.eval.data import DataMissing
from tersus.eval.metrics import Estimate
from tersus.eval.targets import PARTS, Aim, Corpus, Figure, Target, run_part
from tersus.eval.targets.draws import answer_to_be_found, findable

from .toys import Table, example, passage, write


def hop(name: str, count: int, kind: str) -> list[dict[str, Any]]:
    """Questions with ten passages, two of them needed; every third is answered by yes."""
    return [
        {
            "id": f"{name}{i}",
            "question": f"Which town has the {kind} number {i}?",
            "answers": ["yes" if i % 3 == 0 else f"{name}ville{i}"],
            "passages": [
                {
                    "title": f"{name} {i} {j}",
                    "sentences": [f"The {kind} number {i} is here.", f"It is {name}ville{i} or {j}."]
                    if j < 2
                    else [f"Nothing {name} {i} {j} at all.", "Rain fell."],
                    "supporting": [0, 1][j : j + 1] if j < 2 else [],
                }
                for j in range(10)
            ],
        }
        for i in range(count)
    ]


def single(name: str, count: int, **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{name}{i}",
            "question": f"Who made the {name} {i}?",
            "answers": [f"Maker{name}{i}"],
            "passages": [{"title": f"{name} {i}", "text": f"Maker{name}{i} made the {name} {i}. It is big."}],
            **more,
        }
        for i in range(count)
    ]


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    write(tmp_path, "hotpotqa", hop("hot", 6, "bridge"))
    write(tmp_path, "2wikimultihopqa", hop("wiki", 4, "tower"))
    qed = single("qed", 12)
    for row in qed:
        text = row["passages"][0].pop("text")
        row["passages"][0] |= {"sentences": text.split(". "), "supporting": [0]}
    write(tmp_path, "qed", qed)
    write(tmp_path, "nq-open", single("nq", 5))
    impossible = single("none", 3, is_impossible=True)
    write(
        tmp_path,
        "squad2",
        single("squad", 4, is_impossible=False) + [r | {"answers": []} for r in impossible],
    )
    return Corpus(data_dir=tmp_path)


def test_the_targets_are_those_of_the_issue() -> None:
    asked = {
        (part.name, aim.figure): (str(aim.target), aim.peer, str(part.budget))
        for part in PARTS.values()
        for aim in part.aims
        if aim.target
    }
    quarter, tenth, free = "ratio=0.25", "ratio=0.1", "adaptive"
    assert asked == {
        ("hotpotqa", "answer recall"): ("≥ 0.95", "0.77", quarter),
        ("hotpotqa", "support recall"): ("≥ 0.93", "0.76", quarter),
        ("2wiki", "answer recall"): ("≥ 0.88", "0.58", quarter),
        ("2wiki", "support recall"): ("≥ 0.90", "0.60", quarter),
        ("qed-random", "answer recall"): ("≥ 0.97", "0.88", tenth),
        ("qed-random", "support recall"): ("≥ 0.97", "0.91", tenth),
        ("stand-in-2wiki", "answer recall"): ("≥ 0.80", "0.60", quarter),
        ("stand-in-hotpotqa", "answer recall"): ("≥ 0.80", "0.60", quarter),
        ("selqa-ranking", "MAP"): ("≥ 0.90", "", "None"),
        ("squad2-unanswerable", "kept"): ("≤ 0.05", "", free),
        ("squad2-answerable", "answer recall"): ("≥ 0.95", "", free),
        ("squad2-answerable", "kept ÷ oracle"): ("≤ 1.50", "", free),
        **{
            (f"{name}-adaptive", figure): (target, "", free)
            for name in ("hotpotqa", "2wiki")
            for figure, target in (("answer recall", "≥ 0.95"), ("kept", "≤ 0.20"))
        },
        **{
            (f"{name}-adaptive", figure): (target, "", free)
            for name in ("qed", "nq-open")
            for figure, target in (("answer recall", "≥ 0.95"), ("kept ÷ oracle", "≤ 1.50"))
        },
        ("selqa-adaptive", "right sentence"): ("≥ 0.95", "", free),
        ("selqa-adaptive", "kept ÷ oracle"): ("≤ 1.50", "", free),
    }


def test_questions_are_those_that_a_part_asks_for(corpus: Corpus) -> None:
    drawn = {name: part.examples(corpus) for name, part in PARTS.items() if not name.startswith("selqa")}
    assert {name: len(found) for name, found in drawn.items()} == {
        **{"hotpotqa": 6, "2wiki": 4, "qed-random": 12, "qed-nearest": 12},
        **{"stand-in-2wiki": 2, "stand-in-hotpotqa": 4},  # the others are answered by yes
        **{"squad2-unanswerable": 3, "squad2-answerable": 4, "hotpotqa-adaptive": 4, "2wiki-adaptive": 2},
        **{"qed-adaptive": 12, "nq-open-adaptive": 5},
    }
    for name, size in (("qed-random", 10), ("qed-nearest", 10), ("stand-in-2wiki", 20), ("hotpotqa", 10)):
        assert {len(e.passages) for e in drawn[name]} == {size}
    for name in ("qed-random", "qed-nearest", "stand-in-2wiki"):
        assert all(findable(e) for e in drawn[name])
    titles = {p.title.split()[0] for e in drawn["qed-random"] for p in e.passages}
    assert titles == {"qed"}
    assert [e.id for e in PARTS["qed-random"].examples(corpus, 2)] == ["qed0", "qed1"]
    assert PARTS["qed-random"].examples(corpus, 2) == drawn["qed-random"][:2]
    with pytest.raises(DataMissing, match="selqa"):
        PARTS["selqa-ranking"].examples(corpus)


def test_another_seed_adds_other_passages(corpus: Corpus) -> None:
    other = Corpus(data_dir=corpus.data_dir, seed=1)
    assert PARTS["qed-random"].examples(corpus) != PARTS["qed-random"].examples(other)


def test_bridges_are_questions_whose_answer_they_do_not_name() -> None:
    def asked(question: str, *answers: str) -> bool:
        return answer_to_be_found(example("q", answers, [passage(["It is red."])], question=question))

    assert asked("Where was the maker of it born?", "Rome")
    assert not asked("Is it red?", "yes")
    assert not asked("Which came first, Dune or Emma?", "Emma")


def test_a_row_holds_the_figures_of_its_part_in_order() -> None:
    right, wrong = "It is red and round.", "It is big and old."
    questions = [example(str(i), ["red"], [passage([right, wrong], [0])]) for i in range(2)]
    questions += [example("2", ["big"], [passage([right, wrong], [1])])]
    row = run_part(PARTS["qed-adaptive"], Table({right: 0.9}), questions, label="mine")
    assert (row.compressor, row.failures) == ("mine", ())
    assert [f.aim.figure for f in row.figures] == ["answer recall", "kept ÷ oracle", "kept", "support recall"]
    recall = row.figure("answer recall")
    assert recall is not None
    assert (recall.estimate.mean, recall.met) == (2 / 3, False)
    assert row.figure("MAP") is None
    told = row.as_dict()
    assert (told["part"], told["budget"], told["applicable"]) == ("qed-adaptive", "adaptive", True)
    ranked = run_part(PARTS["selqa-ranking"], Table({right: 0.9}), questions)
    assert [f.estimate.mean for f in ranked.figures] == pytest.approx([(1 + 1 + 0.5) / 3] * 2)


def test_what_cannot_be_asked_of_a_compressor_has_no_figures() -> None:
    questions = [example("0", ["red"], [passage(["It is red."], [0])])]
    done: list[int] = []
    for name in ("selqa-ranking", "squad2-answerable"):
        row = run_part(PARTS[name], HeadCompressor(), questions, advance=done.append)
        assert (row.result, row.figures, row.failures) == (None, (), ())
        assert row.as_dict()["applicable"] is False
        assert run_part(PARTS[name], Bm25Compressor(), questions).figures != ()
    assert done == [1, 1]
    assert run_part(PARTS["hotpotqa"], HeadCompressor(), questions).figures != ()


def test_a_missing_model_is_no_figure() -> None:
    with pytest.raises(NotInstalled):
        run_part(PARTS["qed-adaptive"], Table({}), [example("0", [], [passage(["Red."])], question="absent")])


@pytest.mark.parametrize(
    ("target", "mean", "met"),
    [
        (Target("at least", 0.95), 0.95, True),
        (Target("at least", 0.95), 0.9499, False),
        (Target("at least", 0.3), 0.1 + 0.2, True),
        (Target("at most", 0.3), 0.1 + 0.2, True),
        (Target("at most", 0.05), 0.051, False),
        (Target("at most", 0.05), None, None),
        (None, 0.5, None),
    ],
)
def test_a_target_holds_for_the_mean(target: Target | None, mean: float | None, met: bool | None) -> None:
    figure = Figure(Aim("kept", target), Estimate(mean, None, None, 1, 0))
    assert figure.met is met
    assert figure.as_dict()["met"] is met
