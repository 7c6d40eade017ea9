"""k-means and nearest centroids, against sums made one by one and groups that are known."""

from __future__ import annotations

import logging
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tersus.errors import InvalidInput
from tersus.indexes import InvalidVectors
from tersus.indexes.kmeans import assign, sample_size, suggest_k, train_centroids
from tersus.indexes.kmeans_start import spread_rows
from tersus.indexes.nearest_centroid import similarities

from tests.indexes.conftest import unit


def blobs(groups: int, each: int, dimension: int, spread: float, seed: int = 3) -> tuple[Any, Any]:
    """Vectors around ``groups`` directions, and the group of each."""
    chance = np.random.default_rng(seed)
    middles = chance.normal(size=(groups, dimension))
    middles /= np.linalg.norm(middles, axis=1)[:, None]
    truth = np.repeat(np.arange(groups), each)
    return middles[truth] + spread * chance.normal(size=(groups * each, dimension)), truth


def brute(vectors: Any, centroids: Any) -> list[int]:
    """The nearest centroid of each vector by exact sums, rounded to float32; ties by number."""
    found = []
    for vector in vectors:
        row = unit(vector)
        scores = [
            float(np.float32(math.fsum(a * float(b) for a, b in zip(row, c, strict=True)))) for c in centroids
        ]
        found.append(max(range(len(scores)), key=lambda number: (scores[number], -number)))
    return found


@pytest.mark.parametrize(("count", "k", "dimension"), [(200, 17, 5), (60, 60, 33), (300, 1, 3), (90, 40, 2)])
def test_every_vector_gets_its_nearest_centroid(count: int, k: int, dimension: int) -> None:
    chance = np.random.default_rng(count)
    vectors = chance.normal(size=(count, dimension)) * chance.uniform(1e-3, 1e3, size=(count, 1))
    centroids = chance.normal(size=(k, dimension)).astype(np.float32)
    found = assign(vectors, centroids)
    assert found.dtype == np.int64
    assert found.tolist() == brute(vectors, centroids)


SMALL = st.lists(st.integers(-2, 2), min_size=3, max_size=3).filter(any)


@settings(max_examples=150)
@given(st.lists(SMALL, min_size=1, max_size=12), st.lists(SMALL, min_size=1, max_size=9))
def test_ties_go_to_the_lowest_number(vectors: list[list[int]], centroids: list[list[int]]) -> None:
    middles = np.array(centroids, dtype=np.float32)
    assert assign(vectors, middles).tolist() == brute(vectors, middles)


def test_what_a_vector_gets_does_not_depend_on_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    from tersus.indexes import nearest_centroid

    vectors, _ = blobs(20, 30, 64, 0.4)
    centroids = train_centroids(vectors, 40)
    centroids = np.concatenate([centroids, centroids[::-1]])  # every one has its double
    whole = assign(vectors, centroids)
    assert whole.max() < 40
    assert [int(assign(vector[None], centroids)[0]) for vector in vectors] == whole.tolist()
    turned = np.random.default_rng(1).permutation(len(vectors))
    assert assign(vectors[turned], centroids).tolist() == whole[turned].tolist()
    monkeypatch.setattr(nearest_centroid, "_CELLS", 7 * len(centroids))
    monkeypatch.setattr(nearest_centroid, "_PAIRS", 5)
    assert assign(vectors, centroids).tolist() == whole.tolist()


def test_similarities_are_cosines_to_the_centroids() -> None:
    vectors, _ = blobs(4, 10, 12, 0.3)
    centroids = train_centroids(vectors, 4)
    numbers = assign(vectors, centroids)
    expected = [
        math.fsum(a * float(b) for a, b in zip(unit(vector), centroids[number], strict=True))
        for vector, number in zip(vectors, numbers, strict=True)
    ]
    np.testing.assert_allclose(similarities(vectors, centroids, numbers), expected, rtol=0, atol=1e-12)


def test_groups_that_lie_apart_are_found() -> None:
    vectors, truth = blobs(8, 50, 32, 0.02)
    centroids = train_centroids(vectors, 8)
    numbers = assign(vectors, centroids)
    pairs = set(zip(truth.tolist(), numbers.tolist(), strict=True))
    assert len(pairs) == 8 == len(set(numbers.tolist()))
    for group, number in pairs:
        rows = vectors[truth == group]
        mean = (rows / np.linalg.norm(rows, axis=1)[:, None]).mean(axis=0)
        np.testing.assert_allclose(centroids[number], mean / np.linalg.norm(mean), atol=1e-5)


def test_first_centroids_are_different_rows_drawn_by_their_squared_distance() -> None:
    rows = np.eye(4, dtype=np.float32)[[0] * 40 + [1] * 5 + [2] * 3 + [3]]
    rows[40] = [math.cos(0.5), math.sin(0.5), 0, 0]
    second = np.zeros(len(rows))
    for seed in range(4000):
        drawn = spread_rows(rows, 2, np.random.default_rng(seed))
        if drawn[0] < 40:
            second[drawn[1]] += 1
    weights = ((rows - rows[0]) ** 2).sum(axis=1)
    np.testing.assert_allclose(second / second.sum(), weights / weights.sum(), atol=0.03)
    for seed in range(20):
        drawn = spread_rows(rows, 12, np.random.default_rng(seed))
        assert len(set(drawn.tolist())) == 12
        assert len({tuple(row) for row in rows[drawn].tolist()}) == 5


def test_centroids_are_a_fixed_point_of_assigning_and_averaging() -> None:
    vectors, _ = blobs(6, 40, 16, 0.3)
    centroids = train_centroids(vectors, 6, rounds=100)
    numbers = assign(vectors, centroids)
    rows = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    means = np.stack([rows[numbers == number].mean(axis=0) for number in range(6)])
    np.testing.assert_allclose(centroids, means / np.linalg.norm(means, axis=1)[:, None], atol=1e-4)


def test_the_seed_decides_and_lengths_do_not_matter() -> None:
    vectors, _ = blobs(30, 20, 16, 0.5)
    first = train_centroids(vectors, 12, seed=5)
    assert first.dtype == np.float32
    assert first.shape == (12, 16)
    assert train_centroids(vectors, 12, seed=5).tobytes() == first.tobytes()
    assert train_centroids(vectors, 12, seed=6).tobytes() != first.tobytes()
    # Powers of two change no digit of a row.
    stretched = vectors * 2.0 ** np.arange(len(vectors))[:, None].clip(max=60)
    assert train_centroids(stretched, 12, seed=5).tobytes() == first.tobytes()
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1, atol=1e-5)


def test_a_sample_is_learned_from_where_it_is_asked_for() -> None:
    vectors, truth = blobs(5, 400, 24, 0.02)
    centroids = train_centroids(vectors, 5, sample=100)
    chosen = np.sort(np.random.default_rng(0).choice(2000, 100, replace=False))
    assert centroids.tobytes() == train_centroids(vectors[chosen], 5).tobytes()
    assert centroids.tobytes() != train_centroids(vectors, 5).tobytes()
    assert len(set(zip(truth.tolist(), assign(vectors, centroids).tolist(), strict=True))) == 5


def test_equal_vectors_and_as_many_clusters_as_vectors() -> None:
    same = np.ones((50, 4))
    centroids = train_centroids(same, 7)
    assert np.isfinite(centroids).all()
    assert len(set(assign(same, centroids).tolist())) == 1
    corners = np.eye(5)
    assert sorted(assign(corners, train_centroids(corners, 5)).tolist()) == [0, 1, 2, 3, 4]
    assert np.isfinite(train_centroids([[1.0, 0.0], [-1.0, 0.0]], 1)).all()  # they cancel out


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"k": 0}, "k is 0"),
        ({"k": True}, "k is True"),
        ({"k": 2.0}, "k is 2.0"),
        ({"k": 11}, "10 vectors cannot have 11"),
        ({"k": 3, "rounds": 0}, "rounds is 0"),
        ({"k": 3, "sample": 2}, "a sample of 2"),
        ({"k": 3, "sample": 0}, "sample is 0"),
        ({"k": 3, "seed": -1}, "seed is -1"),
        ({"k": 3, "seed": 2**31}, "seed is 2147483648"),
        ({"k": 3, "seed": None}, "seed is None"),
        ({"k": 3, "device": "tpu"}, "no device is called 'tpu'"),
        ({"k": 3, "device": "cuda:x"}, "no device is called 'cuda:x'"),
    ],
)
def test_impossible_numbers_are_refused(options: dict[str, Any], told: str) -> None:
    vectors, _ = blobs(2, 5, 4, 0.1)
    with pytest.raises(InvalidInput, match=told) as caught:
        train_centroids(vectors, **options)
    assert caught.value.hint


BAD: list[Any] = [
    5,
    [1.0, 2.0],
    [[]],
    [[1.0], [1.0, 2.0]],
    [[1.0, float("nan")]],
    [[float("inf"), 1.0]],
    [[0.0, 0.0]],
    [["a", "b"]],
]


@pytest.mark.parametrize("vectors", BAD)
def test_unusable_vectors_are_refused(vectors: Any) -> None:
    with pytest.raises(InvalidVectors) as caught:
        train_centroids(vectors, 1)
    assert caught.value.hint
    with pytest.raises(InvalidVectors):
        assign(vectors, np.eye(2, dtype=np.float32))


@pytest.mark.parametrize("centroids", [[], [1.0, 2.0], [[]], [[1.0, float("nan")]], [[1.0, 2.0, 3.0]]])
def test_unusable_centroids_are_refused(centroids: Any) -> None:
    with pytest.raises(InvalidVectors):
        assign([[1.0, 2.0]], centroids)


def test_no_vectors_get_no_centroids() -> None:
    assert assign(np.empty((0, 3)), np.eye(3)).shape == (0,)
    with pytest.raises(InvalidInput, match="0 vectors"):
        train_centroids(np.empty((0, 3)), 1)


def test_a_card_that_faiss_does_not_see_is_replaced_by_the_cpu(caplog: pytest.LogCaptureFixture) -> None:
    vectors, _ = blobs(3, 10, 4, 0.1)
    with caplog.at_level(logging.WARNING, logger="tersus"):
        found = train_centroids(vectors, 3, device="cuda:99")
    assert "no cuda:99" in caplog.text
    assert found.tobytes() == train_centroids(vectors, 3).tobytes()


def test_the_suggested_number_grows_and_leaves_clusters_well_founded() -> None:
    counts = sorted({int(10 ** (step / 20)) for step in range(181)})
    suggested = [suggest_k(count) for count in counts]
    assert suggested == sorted(suggested)
    for count, k in zip(counts, suggested, strict=True):
        assert 1 <= k <= count
        assert k <= 4 * math.sqrt(count) + 1
        if count >= 25_000:
            assert k == round(4 * math.sqrt(count))
            assert count / k >= 39
    assert (suggest_k(300), suggest_k(10_000)) == (12, 256)
    with pytest.raises(InvalidInput):
        suggest_k(0)


def test_the_sample_grows_with_the_clusters_and_stays_bounded() -> None:
    assert sample_size(1_000, 30) == 1_000
    assert sample_size(10**6, 100) == 25_600
    assert sample_size(10**8, 4_000) == 262_144
    assert sample_size(10**8, 10_000) == 390_000
    assert sample_size(10**8, 40_000) == 39 * 40_000


def test_the_mean_cosine_is_no_worse_than_another_implementations() -> None:
    from sklearn.cluster import KMeans

    vectors, _ = blobs(12, 40, 24, 0.3)
    rows: NDArray[Any] = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    centroids = train_centroids(vectors, 12)
    ours = similarities(vectors, centroids, assign(vectors, centroids)).mean()
    peer = KMeans(12, n_init=3, random_state=0).fit(rows)
    middles = peer.cluster_centers_ / np.linalg.norm(peer.cluster_centers_, axis=1)[:, None]
    theirs = (rows @ middles.T).max(axis=1).mean()
    assert ours > theirs - 0.01
