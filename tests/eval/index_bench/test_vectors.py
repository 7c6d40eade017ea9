"""Synthetic vectors: on the sphere, repeatable, clustered as embeddings are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tersus.errors import InvalidInput
from tersus.eval.data_files import data_folder
from tersus.eval.index_bench.real import embedded, sentences
from tersus.eval.index_bench.vectors import Clustered


def profile(vectors: NDArray[np.float32], queries: NDArray[np.float32]) -> dict[str, float]:
    """Cosines of random pairs and neighbours, and the local intrinsic dimension (Levina & Bickel, 2004)."""
    cosines = queries @ vectors.T
    nearest = np.sort(cosines, axis=1)[:, ::-1][:, :100]
    distances = np.sqrt(np.maximum(2 - 2 * nearest, 1e-9))
    spread = np.mean(np.log(distances[:, -1:] / distances[:, :-1]), axis=1)
    middle = {f"neighbour {n}": float(np.median(nearest[:, n - 1])) for n in (1, 10, 100)}
    return {
        "mean": float(cosines.mean()),
        "deviation": float(cosines.std()),
        "intrinsic dimension": float(np.median(1 / spread)),
        **middle,
    }


def test_vectors_have_length_one_and_come_again() -> None:
    mixture = Clustered(dimension=24, seed=3)
    drawn = mixture.draw(500, part=0)
    assert drawn.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(drawn.astype(np.float64), axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(drawn, Clustered(dimension=24, seed=3).draw(500, part=0))
    assert not np.allclose(drawn, mixture.draw(500, part=1))
    assert not np.allclose(drawn, Clustered(dimension=24, seed=4).draw(500, part=0))


def test_many_blocks_go_into_the_array_given() -> None:
    mixture = Clustered(dimension=4)
    out = np.zeros((70_000, 4), dtype=np.float32)
    assert mixture.draw(70_000, 0, out) is out
    np.testing.assert_allclose(np.linalg.norm(out, axis=1), 1, atol=1e-6)


def test_without_spread_every_vector_is_the_centre_of_a_cluster() -> None:
    drawn = Clustered(dimension=8, clusters=5, topics=2, spread=0.0).draw(400, 0)
    assert len(np.unique(drawn.round(5), axis=0)) == 5


def test_parts_are_of_one_mixture() -> None:
    mixture = Clustered(dimension=64, clusters=50, topics=10, spread=0.3)
    base, queries = mixture.draw(2000, 0), mixture.draw(50, 1)
    other = Clustered(dimension=64, clusters=50, topics=10, spread=0.3, seed=1).draw(50, 1)
    assert (queries @ base.T).max(axis=1).min() > 0.8
    assert np.median((other @ base.T).max(axis=1)) < 0.6


@pytest.mark.parametrize("wrong", [{"dimension": 1}, {"clusters": 0}, {"topics": 0}])
def test_impossible_mixtures_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidInput):
        Clustered(**wrong)


@pytest.mark.data
def test_synthetic_vectors_lie_as_embeddings_of_sentences_do(tmp_path: Path) -> None:
    if not (data_folder() / "scifact").is_dir():
        pytest.skip("SciFact is not here")
    texts = sentences()[:1200]
    assert len(set(texts)) == 1200
    vectors = embedded(texts, tmp_path / "some.npy")
    np.testing.assert_array_equal(embedded(texts, tmp_path / "some.npy"), vectors)
    real = profile(vectors[:1000], vectors[1000:])
    drawn = profile(Clustered().draw(1000, 0), Clustered().draw(200, 1))
    for figure, allowed in {
        "mean": 0.04,
        "deviation": 0.03,
        "neighbour 1": 0.10,
        "neighbour 10": 0.06,
        "neighbour 100": 0.06,
        "intrinsic dimension": 8.0,
    }.items():
        assert drawn[figure] == pytest.approx(real[figure], abs=allowed), (figure, real, drawn)
