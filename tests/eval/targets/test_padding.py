"""Passages of other questions: which are taken, in what order, and what they may not be."""

from __future__ import annotations

import math
import random
import re
from dataclasses import replace

from tersus.eval.data import EvalPassage, Example
from tersus.eval.targets.padded import with_nearest, with_nearest_and_random, with_random
from tersus.eval.targets.pool import Pool

from .toys import example, passage

WORDS = ["red", "old", "town", "river", "king", "song", "ship", "stone"]


def questions(count: int = 30) -> list[Example]:
    chance = random.Random(1)

    def sentence(number: int) -> str:
        return " ".join(chance.choices(WORDS, k=chance.randint(3, 9))) + f" code{number}."

    return [
        example(
            f"q{i}",
            [f"answer{i}"],
            [passage([sentence(i)], [0], f"Title {i}")],
            question=" ".join(chance.choices(WORDS, k=3)),
        )
        for i in range(count)
    ]


def bm25(question: str, passages: list[EvalPassage]) -> list[float]:
    """By the formula, passage by passage."""
    bags = [re.findall(r"\w+", f"{p.title} {p.text}".lower()) for p in passages]
    mean = sum(map(len, bags)) / len(bags)
    scores = []
    for bag in bags:
        score = 0.0
        for term in set(question.split()):
            n = sum(term in other for other in bags)
            frequency = bag.count(term)
            idf = math.log(1 + (len(bags) - n + 0.5) / (n + 0.5))
            score += idf * frequency * 2.2 / (frequency + 1.2 * (0.25 + 0.75 * len(bag) / mean))
        scores.append(score)
    return scores


def test_the_nearest_are_those_that_bm25_ranks_first() -> None:
    asked = questions()
    pool = Pool(asked)
    every = [e.passages[0] for e in asked]
    assert pool.passages == tuple(every)
    for number, question in enumerate(asked):
        scores = bm25(question.question, every)
        order = sorted((i for i in range(30) if i != number and scores[i] > 0), key=lambda i: (-scores[i], i))
        assert pool.nearest(question, 9) == [every[i] for i in order[:9]]


def test_no_passage_is_the_questions_own_or_holds_its_answer() -> None:
    asked = example("q", ["Rome"], [passage(["Rain fell."], [0], "The_Sky")], question="rain over rome")
    others = [
        passage(["Rain fell."], title="Copy"),
        passage(["Rain again."], title="the sky"),
        passage(["Rain in Rome."], title="Weather"),
        passage(["Rain there."], title="Rome"),
        passage(["Rain elsewhere."], title="Fine"),
        passage(["  "], title="Blank"),
    ]
    pool = Pool([asked, example("o", [], others), example("again", [], others)])
    assert len(pool.passages) == 6  # each once, the blank one never
    assert [p.title for p in pool.nearest(asked, 9)] == ["Fine"]
    assert [p.title for p in pool.random(asked, 9, random.Random(0))] == ["Fine"]


def test_added_passages_lose_their_labels_and_the_own_keep_their_order() -> None:
    asked = questions()
    pool = Pool(asked)
    question = replace(asked[0], passages=(*asked[0].passages, passage(["A second of its own."], [0], "Own")))
    places = set()
    for seed in range(20):
        padded = with_random(question, pool, 9, seed)
        assert len(padded.passages) == 11
        own = [i for i, p in enumerate(padded.passages) if p in question.passages]
        assert [padded.passages[i] for i in own] == list(question.passages)
        places.add(tuple(own))
        added = [p for p in padded.passages if p not in question.passages]
        assert len({p.text for p in added}) == 9
        assert {(p.is_gold, p.supporting, p.answer_spans) for p in added} == {(False, (), None)}
    assert len(places) > 10  # not always the same places


def test_a_draw_depends_on_question_and_seed_alone() -> None:
    asked = questions()
    pool = Pool(asked)
    alone = with_random(asked[3], pool, 5, 0)
    assert [with_random(e, pool, 5, 0) for e in asked][3] == alone
    assert with_random(asked[3], pool, 5, 1) != alone


def test_half_are_nearest_and_half_random_without_repetition() -> None:
    asked = questions()
    pool = Pool(asked)
    near = {p.text for p in pool.nearest(asked[0], 5)}
    padded = with_nearest_and_random(asked[0], pool, 10, 0)
    texts = [p.text for p in padded.passages]
    assert len(set(texts)) == 11
    assert near < set(texts)
    nearest = with_nearest(asked[0], pool, 5, 0)
    assert {p.text for p in nearest.passages} == near | {asked[0].passages[0].text}
