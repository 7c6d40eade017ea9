"""Clusters: the silhouette and the centroids against plain loops, and what k-means is held to."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tersus.compressors.crag import cluster
from tersus.compressors.crag import cluster as cluster_function
from tersus.compressors.crag.faiss_kmeans import faiss_kmeans
from tersus.errors import InvalidInput, NotInstalled

Vectors = NDArray[np.float32]


def unit(rows: Any) -> Vectors:
    found = np.asarray(rows, dtype=np.float32)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), dtype=np.float32)


def clouds(
    count: int, size: int, seed: int = 0, dimension: int = 16, spread: float = 0.08
) -> tuple[Vectors, list[int]]:
    """Rows around ``count`` directions, in turn, and which direction each is of."""
    chance = np.random.default_rng(seed)
    centres = chance.normal(size=(count, dimension))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    truth = [i % count for i in range(count * size)]
    return unit([centres[t] + spread * chance.normal(size=dimension) for t in truth]), truth


def silhouette_by_hand(rows: Vectors, labels: Sequence[int]) -> float:
    """Rousseeuw's definition, row by row."""
    total = 0.0
    for i, own in enumerate(labels):
        by_cluster: dict[int, list[float]] = {}
        for j, other in enumerate(labels):
            if i != j:
                distance = math.sqrt(
                    sum((float(a) - float(b)) ** 2 for a, b in zip(rows[i], rows[j], strict=True))
                )
                by_cluster.setdefault(other, []).append(distance)
        if own not in by_cluster:
            continue  # alone: 0
        a = sum(by_cluster[own]) / len(by_cluster[own])
        b = min(sum(d) / len(d) for label, d in by_cluster.items() if label != own)
        total += (b - a) / max(a, b)
    return total / len(labels)


def same_partition(one: Sequence[int], other: Sequence[int]) -> bool:
    return all((one[i] == one[j]) == (other[i] == other[j]) for i in range(len(one)) for j in range(i))


@pytest.mark.parametrize("count", [2, 3, 5])
def test_clusters_that_are_there_are_found_and_so_is_their_number(count: int) -> None:
    rows, truth = clouds(count, 7, seed=count)
    found = cluster(rows)
    assert found.k == count
    assert same_partition(found.labels.tolist(), truth)


def test_the_silhouette_is_the_one_of_its_definition() -> None:
    rows, _ = clouds(3, 5, spread=0.3)
    found = cluster(rows)
    assert found.silhouette == pytest.approx(silhouette_by_hand(rows, found.labels.tolist()), abs=1e-6)


def test_the_number_of_clusters_is_the_one_with_the_best_silhouette() -> None:
    rows, _ = clouds(4, 5, spread=0.35, seed=3)
    by_hand = {k: silhouette_by_hand(rows, cluster(rows, k).labels.tolist()) for k in range(2, 9)}
    found = cluster(rows)
    assert by_hand[found.k] == pytest.approx(max(by_hand.values()), abs=1e-9)
    assert len(set(by_hand.values())) > 1


def test_centroids_are_the_unit_means_of_the_members() -> None:
    rows, _ = clouds(3, 4)
    found = cluster(rows, 3)
    for number in range(3):
        members = [i for i, label in enumerate(found.labels) if label == number]
        assert members == found.members(number).tolist()
        mean = [sum(float(rows[i][d]) for i in members) / len(members) for d in range(rows.shape[1])]
        length = math.sqrt(sum(x * x for x in mean))
        assert found.centroids[number].tolist() == pytest.approx([x / length for x in mean], abs=1e-6)


def test_k_means_is_no_worse_than_any_partition_of_a_small_set() -> None:
    rows = unit(np.random.default_rng(5).normal(size=(8, 3)))

    def inertia(labels: Sequence[int]) -> float:
        total = 0.0
        for number in set(labels):
            members = [rows[i].astype(float) for i, label in enumerate(labels) if label == number]
            mean = sum(members) / len(members)
            total += sum(float(((row - mean) ** 2).sum()) for row in members)
        return total

    best = min(inertia([(mask >> i) & 1 for i in range(8)]) for mask in range(1, 2**7))
    assert inertia(cluster(rows, 2).labels.tolist()) == pytest.approx(best, abs=1e-6)


def test_clusters_are_numbered_as_they_first_appear_and_none_is_empty() -> None:
    rows, _ = clouds(4, 4, seed=2)
    found = cluster(rows, 4)
    assert list(dict.fromkeys(found.labels.tolist())) == [0, 1, 2, 3]


def test_equal_rows_are_in_one_cluster_and_there_are_no_more_clusters_than_different_rows() -> None:
    rows = unit([[1, 0], [0, 1], [1, 0], [1, 0], [0, 1]])
    assert cluster(rows, 5).labels.tolist() == [0, 1, 0, 0, 1]
    assert cluster(rows).labels.tolist() == [0, 1, 0, 0, 1]
    assert cluster(rows[:1]).labels.tolist() == [0]
    assert cluster(unit([[1, 0]] * 9)).k == 1


def test_no_rows_make_no_clusters() -> None:
    found = cluster(np.zeros((0, 4), np.float32))
    assert (found.k, found.labels.shape, found.centroids.shape, found.silhouette) == (0, (0,), (0, 4), None)


def test_the_same_rows_and_seed_give_the_same_clusters_from_eight_threads_too() -> None:
    rows, _ = clouds(6, 9, spread=0.4, seed=9)
    alone = cluster(rows, seed=3)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: cluster(rows, seed=3), range(16)):
            assert found.labels.tolist() == alone.labels.tolist()
            assert np.array_equal(found.centroids, alone.centroids)


def test_another_order_of_the_rows_gives_the_same_partition() -> None:
    rows, _ = clouds(4, 8, spread=0.4, seed=4)
    order = np.random.default_rng(0).permutation(len(rows))
    one, other = cluster(rows), cluster(rows[order])
    assert same_partition(one.labels[order].tolist(), other.labels.tolist())


def test_faiss_finds_the_same_clusters() -> None:
    rows, truth = clouds(5, 30, seed=8)
    labels = faiss_kmeans(rows, 5, 0)
    assert same_partition(labels.tolist(), truth)
    assert labels.tolist() == faiss_kmeans(rows, 5, 0).tolist()
    found = cluster(rows, 5, clusterer=faiss_kmeans)
    assert found.labels.tolist() == cluster(rows, 5).labels.tolist()


def test_many_rows_are_left_to_faiss(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    module = sys.modules[cluster_function.__module__]
    asked: list[int] = []

    def count(rows: Vectors, k: int, seed: int) -> NDArray[np.int64]:
        asked.append(len(rows))
        return faiss_kmeans(rows, k, seed)

    monkeypatch.setattr("tersus.compressors.crag.faiss_kmeans.faiss_kmeans", count)
    monkeypatch.setattr(module, "_LARGE", 40)
    rows, truth = clouds(3, 20)
    assert same_partition(cluster(rows, 3).labels.tolist(), truth)
    cluster(rows[:30], 3)
    assert asked == [60]


def test_the_silhouette_of_many_rows_is_taken_from_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setattr(sys.modules[cluster_function.__module__], "_SAMPLE", 30)
    rows, truth = clouds(3, 40)
    found = cluster(rows)
    assert found.k == 3
    assert found.silhouette == pytest.approx(silhouette_by_hand(rows, truth), abs=0.05)


def test_a_clusterer_that_does_not_fit_is_refused() -> None:
    rows, _ = clouds(3, 3)
    for wrong in (np.zeros(2, np.int64), np.zeros(9, np.float32), np.zeros((9, 1), np.int64)):
        with pytest.raises(InvalidInput, match="clusterer"):
            cluster(rows, 2, clusterer=lambda *_, wrong=wrong: wrong)


@pytest.mark.parametrize(
    "rows", [np.zeros(3), np.array([[1.0, math.nan]]), np.array([[math.inf, 0.0]]), np.zeros((2, 2, 2))]
)
def test_vectors_of_a_wrong_shape_or_without_order_are_refused(rows: NDArray[np.float64]) -> None:
    with pytest.raises(InvalidInput):
        cluster(rows.astype(np.float32))


def test_no_clusters_and_no_candidates_are_refused() -> None:
    rows, _ = clouds(2, 3)
    with pytest.raises(InvalidInput, match="at least 1"):
        cluster(rows, 0)
    with pytest.raises(InvalidInput, match="number of clusters"):
        cluster(rows, candidates=())


def test_without_faiss_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(NotInstalled) as caught:
        faiss_kmeans(np.eye(4, dtype=np.float32), 2, 0)
    assert caught.value.hint == "pip install 'tersus[cpu]'"


def test_a_card_without_room_leaves_the_work_to_the_processor(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import faiss

    rows = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    alone = faiss_kmeans(rows, 3, 0)
    kmeans = faiss.Kmeans

    def crowded(*values: Any, gpu: bool, **options: Any) -> Any:
        if gpu:
            raise RuntimeError("cudaMalloc error out of memory")
        return kmeans(*values, gpu=False, **options)

    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1)
    monkeypatch.setattr(faiss, "Kmeans", crowded)
    assert faiss_kmeans(rows, 3, 0).tolist() == alone.tolist()
    assert "out of memory" in caplog.text
