"""The contexts drawn for training."""

from __future__ import annotations

import numpy as np
from tersus.compressors import Passage
from tersus.compressors.segment import split
from tersus.eval.exit.contexts import Contexts, Sampling
from tersus.eval.exit.labels import LabelledPassage, LabelledQuestion

ANIMALS = ["cat", "dog", "fish", "bird", "horse", "cow", "sheep", "goat", "duck", "goose"]


def passage(text: str, title: str, needed: int = 0) -> LabelledPassage:
    segments = split(text)
    labels = np.zeros(len(segments), np.int8)
    labels[:needed] = 1
    return LabelledPassage(Passage(text=text, title=title), segments, labels)


def questions() -> list[LabelledQuestion]:
    return [
        LabelledQuestion(
            animal,
            f"What does the {animal} eat?",
            (f"food{i}",),
            [passage(f"The {animal} eats food{i}. It sleeps.", animal, needed=1)]
            + [passage(f"Distractor {k} of {animal}.", f"{animal} {k}") for k in range(4)],
            "farm",
        )
        for i, animal in enumerate(ANIMALS)
    ]


def contexts(sampling: Sampling, seed: int = 0) -> Contexts:
    return Contexts(questions(), {"farm": sampling}, seed)


def test_the_needed_passage_always_stays_and_distractors_keep_their_bounds() -> None:
    for number in range(5):
        for drawn in contexts(Sampling(1.0, own=(1, 3))).epoch(number):
            assert sum(p.useful for p in drawn.passages) == 1
            assert 2 <= len(drawn.passages) <= 4


def test_the_same_seed_and_epoch_draw_the_same_and_others_do_not() -> None:
    def texts(seed: int, epoch: int) -> list[list[str]]:
        drawn = contexts(Sampling(1.0, own=(0, 4), added=(0, 3)), seed).epoch(epoch)
        return [[p.passage.text for p in q.passages] for q in drawn]

    assert texts(0, 1) == texts(0, 1)
    assert texts(0, 1) != texts(0, 2)
    assert texts(0, 1) != texts(1, 1)


def test_passages_of_other_questions_are_not_needed_and_hold_no_answer() -> None:
    for drawn in contexts(Sampling(1.0, added=(3, 3))).epoch(0):
        number = ANIMALS.index(drawn.id)
        others = [p for p in drawn.passages if not p.useful]
        assert len(others) == 3
        assert all(f"food{number}." not in p.passage.text for p in others)
        assert len({p.passage.text for p in drawn.passages}) == 4


def test_a_share_of_the_questions_is_drawn() -> None:
    assert len(contexts(Sampling(2.0)).epoch(0)) == 20
    sizes = [len(contexts(Sampling(0.5)).epoch(n)) for n in range(40)]
    assert 4 < sum(sizes) / len(sizes) < 6
