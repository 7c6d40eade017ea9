"""FAISS beside us: the same neighbours, and bytes that can be worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tersus.eval.index_bench.apart import apart
from tersus.eval.index_bench.bare import bare_bytes, bare_search, exact_search
from tersus.eval.index_bench.material import true_neighbours
from tersus.eval.index_bench.memory import anonymous_bytes, load_alone
from tersus.eval.index_bench.vectors import Clustered
from tersus.indexes import Index, create_index, save_snapshot

COUNT, DIMENSION, LISTS = 5000, 16, 20
VECTORS = Clustered(dimension=DIMENSION).draw(COUNT, 0)
QUERIES = Clustered(dimension=DIMENSION).draw(64, 1)
IDS = 8 + 8 + 1  # known, by row, alive
OPTIONS: dict[str, dict[str, Any]] = {
    "flat": {},
    "hnsw": {"train_at": 1, "neighbours": 8},
    "ivf-flat": {"train_at": 1, "lists": LISTS},
    "ivf-sq8": {"train_at": 1, "lists": LISTS},
    "ivf-pq": {"train_at": 1, "lists": LISTS, "code_bytes": 8},
}


def built(kind: str) -> Index:
    index = create_index(kind, DIMENSION, **OPTIONS[kind])
    index.prepare(VECTORS, COUNT)
    index.add(np.arange(COUNT), VECTORS)
    index.finish(QUERIES)
    return index


@pytest.mark.parametrize("kind", list(OPTIONS))
def test_the_bare_search_finds_what_ours_finds(kind: str) -> None:
    index = built(kind)
    bare = bare_search(index, 10)
    assert bare is not None
    ours = index.search(QUERIES, 10).ids
    same = [set(a) == set(b) for a, b in zip(bare(QUERIES).tolist(), ours.tolist(), strict=True)]
    assert np.mean(same) > 0.98  # ties at the tenth place may differ


def test_the_exact_search_finds_the_true_neighbours() -> None:
    found, true = exact_search(VECTORS, 10)(QUERIES), true_neighbours(VECTORS, QUERIES, 10)
    assert np.mean(np.sort(found, axis=1) == np.sort(true, axis=1)) > 0.99


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("flat", {"ids": IDS * COUNT, "vectors": 64 * COUNT}),
        (
            "ivf-flat",
            {
                "ids": IDS * COUNT,
                "codes in lists": 64 * COUNT,
                "rows in lists": 8 * COUNT,
                "centroids": 64 * LISTS,
            },
        ),
        (
            "ivf-sq8",
            {
                "ids": IDS * COUNT,
                "codes in lists": 16 * COUNT,
                "rows in lists": 8 * COUNT,
                "centroids": 64 * LISTS,
            },
        ),
        (
            "ivf-pq",
            {
                "ids": IDS * COUNT,
                "codes in lists": 8 * COUNT,
                "rows in lists": 8 * COUNT,
                "centroids": 64 * LISTS,
                "codebooks": 256 * 64,
                "finer codes": 12 * COUNT,  # six bits a component
            },
        ),
    ],
)
def test_bytes_add_up(kind: str, expected: dict[str, int]) -> None:
    assert bare_bytes(built(kind)) == expected


def test_a_graph_has_twice_its_neighbours_on_the_ground_and_as_many_above() -> None:
    parts = bare_bytes(built("hnsw"))
    assert parts["vectors"] == 64 * COUNT
    edges = parts["graph"] - 8 * (COUNT + 1) - 4 * COUNT  # offsets, levels
    ground = 4 * 2 * 8 * COUNT
    # A vector is on each further level with a chance of 1 in 8: on average 1/7 levels more.
    assert ground < edges < ground * (1 + 0.5 / 7 * 1.5)


def test_a_loaded_snapshot_takes_the_bytes_of_its_parts(tmp_path: Path) -> None:
    wide = Clustered(dimension=256)
    index = create_index("flat", 256)
    index.add(np.arange(20_000), wide.draw(20_000, 0))
    save_snapshot(index, tmp_path / "flat.tersus", sequence=0, embedding_model="test")
    queries = wide.draw(32, 1)
    loaded = apart(load_alone, tmp_path / "flat.tersus", queries, 10, tell=lambda _: None, limit=120)
    np.testing.assert_array_equal(loaded.found, index.search(queries, 10).ids)
    assert loaded.seconds > 0
    if anonymous_bytes() is not None:
        assert loaded.grown == pytest.approx(sum(bare_bytes(index).values()), rel=0.15)
