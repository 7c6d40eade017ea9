"""The order of sentences against a plain computation, and its promises."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from tersus.compressors.crag import Clusters, cluster
from tersus.compressors.crag.central import score_sentences

from .test_cluster import clouds, unit


def order_by_hand(
    rows: NDArray[np.float32],
    labels: list[int],
    query: NDArray[np.float32] | None,
    weight: float,
    same: float,
) -> tuple[list[int], dict[int, float]]:
    """Sentences in the order of taking, and those that repeat with their cosine; loops, nothing shared."""

    def dot(one: object, other: object) -> float:
        return math.fsum(float(a) * float(b) for a, b in zip(one, other, strict=True))  # type: ignore[call-overload]

    groups = {c: [i for i, label in enumerate(labels) if label == c] for c in sorted(set(labels))}
    value: dict[int, float] = {}
    for members in groups.values():
        mean = [math.fsum(float(rows[i][d]) for i in members) for d in range(rows.shape[1])]
        length = math.sqrt(math.fsum(x * x for x in mean))
        for i in members:
            value[i] = dot(rows[i], mean) / length
            if query is not None:
                value[i] = (1 - weight) * value[i] + weight * dot(rows[i], query)
            value[i] = round(value[i], 5)  # two alone in a cluster are equally central
    mass = {c: math.fsum(max(0.0, value[i]) for i in members) for c, members in groups.items()}
    claim = dict.fromkeys(groups, 0)
    left = set(range(len(rows)))
    order: list[int] = []
    repeats: dict[int, float] = {}
    best = {c: max(value[i] for i in members) for c, members in groups.items()}
    while left:
        able = [c for c, members in groups.items() if left.intersection(members)]
        silent = [c for c in able if claim[c] == 0]
        if silent:
            c = max(silent, key=lambda c: (mass if query is None else best)[c])
        else:
            c = max(able, key=lambda c: mass[c] ** 2 / (claim[c] * (claim[c] + 1)))
        i = max(sorted(left.intersection(groups[c])), key=lambda i: value[i])
        claim[c] += 1
        order.append(i)
        left.remove(i)
        for j in sorted(left):
            if dot(rows[i], rows[j]) >= same:
                repeats[j] = dot(rows[i], rows[j])
                left.remove(j)
    return order, repeats


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_the_order_is_that_of_the_plain_computation(seed: int, asked: bool) -> None:
    rows, _ = clouds(4, 9, seed=seed, spread=0.2 + 0.05 * seed)
    query = unit([np.random.default_rng(seed).normal(size=rows.shape[1])])[0] if asked else None
    clusters = cluster(rows, seed=seed)
    scores = score_sentences(rows, clusters, query, query_weight=0.4, same=0.8)
    order, repeats = order_by_hand(rows, clusters.labels.tolist(), query, 0.4, 0.8)
    assert sorted(order, key=lambda i: -scores[i]) == order
    assert scores[order].tolist() == pytest.approx([1 / (t + 1) for t in range(len(order))])
    assert {i for i, score in enumerate(scores) if score <= 0} == set(repeats)
    for i, cosine in repeats.items():
        assert scores[i] == pytest.approx(-cosine, abs=1e-5)


def test_the_plain_computation_sees_repeats_at_all() -> None:
    rows, _ = clouds(4, 9, seed=0, spread=0.2)
    assert order_by_hand(rows, cluster(rows).labels.tolist(), None, 0.4, 0.8)[1]


def test_every_cluster_speaks_once_before_any_speaks_twice_and_then_by_size() -> None:
    chance = np.random.default_rng(1)
    centres = np.eye(3, 12)
    truth = [0] * 30 + [1] * 10 + [2] * 5
    rows = unit([centres[t] + 0.15 * chance.normal(size=12) for t in truth])
    clusters = cluster(rows, 3)
    assert clusters.labels.tolist() == truth
    scores = score_sentences(rows, clusters, same=1.0)
    order = [truth[i] for i in sorted(range(45), key=lambda i: -scores[i])]
    assert order[:3] == [0, 1, 2]
    assert [order[:9].count(c) for c in range(3)] == [6, 2, 1]


def test_a_question_puts_its_cluster_first() -> None:
    rows = unit([[1, 0.1, 0], [1, 0, 0], [1, -0.1, 0], [0, 1, 0.2], [0, 1, 0], [0, 0.1, 1]])
    clusters = cluster(rows, 3)
    asked = score_sentences(rows, clusters, unit([[0, 0, 1]])[0], same=0.999)
    assert int(asked.argmax()) == 5
    assert int(score_sentences(rows, clusters, same=0.999).argmax()) == 1


def test_a_question_without_weight_changes_no_order_inside_a_cluster() -> None:
    rows, _ = clouds(3, 8, spread=0.3)
    clusters = cluster(rows, 3)
    without = score_sentences(rows, clusters)
    ignored = score_sentences(rows, clusters, rows[5], query_weight=0.0)
    for c in range(3):
        members = clusters.members(c)
        assert np.argsort(-without[members]).tolist() == np.argsort(-ignored[members]).tolist()


def test_of_equal_sentences_the_first_is_kept() -> None:
    rows = unit([[1, 0], [0, 1], [1, 0], [1, 0]])
    scores = score_sentences(rows, cluster(rows, 2))
    assert scores.tolist() == pytest.approx([1, 0.5, -1, -1])


def test_nothing_to_order() -> None:
    none = Clusters(np.empty(0, np.int64), np.empty((0, 3), np.float32), 0, None)
    assert score_sentences(np.empty((0, 3), np.float32), none).tolist() == []
