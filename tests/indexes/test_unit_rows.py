"""Rows at length 1, however long they were and whatever stands beside them; scores in blocks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tersus.indexes import FlatIndex, InvalidVectors, flat
from tersus.indexes.checks import as_unit_vectors

# The sums of their squares are huge, tiny, infinite, zero by underflow, and in between.
ODD = np.array(
    [[3e150, 4e150], [3e-150, -4e-150], [1e308, 1e308], [5e-324, 0.0], [3.0, 4.0], [1e100, 1e-100]]
)


def test_rows_of_any_length_have_length_one() -> None:
    expected = [
        [v / math.hypot(*(row / peak)) / peak for v in row] for row in ODD if (peak := abs(row).max())
    ]
    np.testing.assert_allclose(as_unit_vectors(ODD, 2), expected, rtol=1e-7, atol=1e-12)


def test_a_row_does_not_depend_on_the_rows_beside_it() -> None:
    together = as_unit_vectors(ODD, 2)
    for row, unit in zip(ODD, together, strict=True):
        np.testing.assert_array_equal(as_unit_vectors([row], 2)[0], unit)
    plain = np.random.default_rng(0).normal(size=(50, 7))
    beside = np.concatenate([plain, np.full((1, 7), 1e300)])
    np.testing.assert_array_equal(as_unit_vectors(plain, 7), as_unit_vectors(beside, 7)[:50])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 0.0])
def test_the_first_bad_row_is_named_among_odd_ones(bad: float) -> None:
    rows = np.concatenate([ODD, [[bad, 0.0]], [[bad, bad]]])
    with pytest.raises(InvalidVectors, match=f"row {len(ODD)} of vectors"):
        as_unit_vectors(rows, 2)


@pytest.mark.parametrize("cells", [1, 24, 100, 1000])
def test_exact_scores_do_not_depend_on_the_block(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    index = FlatIndex(8)
    index.add(np.arange(60), np.repeat(rng.normal(size=(30, 8)), 2, axis=0))  # each twice: ties
    queries = rng.normal(size=(9, 8))
    whole = index.search(queries, 13)
    monkeypatch.setattr(flat, "_CELLS", cells)
    parts = index.search(queries, 13)
    np.testing.assert_array_equal(parts.ids, whole.ids)
    np.testing.assert_array_equal(parts.scores, whole.scores)
