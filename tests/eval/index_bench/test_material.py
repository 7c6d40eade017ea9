"""What is indexed and asked: true neighbours against plain sums, the files of a folder."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from tersus.errors import InvalidInput
from tersus.eval.index_bench import material
from tersus.eval.index_bench.material import make, true_neighbours
from tersus.eval.index_bench.vectors import Clustered


def test_true_neighbours_are_those_of_plain_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(material, "_ROWS", 70)  # several blocks, the last one smaller than k
    vectors, queries = Clustered(dimension=6).draw(213, 0), Clustered(dimension=6).draw(5, 1)
    found = true_neighbours(vectors, queries, 8)
    for row, query in enumerate(queries.tolist()):
        sums = [math.fsum(a * b for a, b in zip(query, vector, strict=True)) for vector in vectors.tolist()]
        assert found[row].tolist() == sorted(range(213), key=lambda i: -sums[i])[:8]


def test_a_folder_is_filled_once(tmp_path: Path) -> None:
    mixture = Clustered(dimension=4)
    made = make(tmp_path / "one", mixture, 300, 3)
    assert {name: made.load(name).shape for name in ("vectors", "changes", "tuning", "asked")} == {
        "vectors": (300, 4),
        "changes": (15, 4),
        "tuning": (512, 4),
        "asked": (1024, 4),
    }
    assert made.true.shape == (1024, 3)
    np.testing.assert_array_equal(made.load("vectors"), mixture.draw(300, 0))
    before = (tmp_path / "one" / "vectors.npy").stat().st_mtime_ns
    make(tmp_path / "one", mixture, 300, 3)
    assert (tmp_path / "one" / "vectors.npy").stat().st_mtime_ns == before
    (tmp_path / "one" / "true.npy").unlink()  # as if it had been interrupted
    make(tmp_path / "one", mixture, 300, 3)
    assert (tmp_path / "one" / "vectors.npy").stat().st_mtime_ns != before


def test_real_vectors_are_divided_without_overlap(tmp_path: Path) -> None:
    real = Clustered(dimension=4).draw(1851, 0)
    made = make(tmp_path / "real", real, 300, 2)
    parts = [made.load(name) for name in ("vectors", "changes", "tuning", "asked")]
    np.testing.assert_array_equal(np.concatenate(parts), real)


def test_too_few_real_vectors_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--counts 299"):
        make(tmp_path / "real", Clustered(dimension=4).draw(299 + 15 + 512 + 1024, 0), 300, 2)
