"""What a run indexes and asks, in files that its processes share: vectors, queries, true neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidInput
from .vectors import Clustered

__all__ = ["Material", "make", "true_neighbours"]

TUNING, ASKED = 512, 1024
"""Queries that the effort is chosen with, and others that everything is measured with."""
_ROWS = 100_000  # vectors compared with all queries at a time


@dataclass(frozen=True, slots=True)
class Material:
    """A folder with ``vectors.npy``, ``changes.npy`` (to be added and removed), ``tuning.npy``, ``asked.npy``
    and ``true.npy``, the row numbers of the ``k`` nearest of each asked query."""

    folder: Path
    k: int

    def load(self, name: str) -> NDArray[np.float32]:
        """One of the arrays, mapped from its file."""
        array: NDArray[np.float32] = np.load(self.folder / f"{name}.npy", mmap_mode="r")
        return array

    @property
    def true(self) -> NDArray[np.int64]:
        """Row numbers, int64 ``[queries, k]``, best first."""
        rows: NDArray[np.int64] = np.load(self.folder / "true.npy")
        return rows


def make(folder: Path, source: Clustered | NDArray[np.float32], count: int, k: int) -> Material:
    """Draw, or take from real vectors, ``count`` vectors and what is asked of them; kept for the next call.

    Raises:
        InvalidInput: there are not as many real vectors.
    """
    material = Material(folder, k)
    if (folder / "true.npy").is_file():
        return material
    folder.mkdir(parents=True, exist_ok=True)
    parts = {"changes": max(10, min(5000, count // 20)), "tuning": TUNING, "asked": ASKED}
    if isinstance(source, Clustered):
        shape = (count, source.dimension)
        vectors = np.lib.format.open_memmap(folder / "vectors.npy", "w+", np.float32, shape)
        source.draw(count, 0, vectors)
        vectors.flush()
        for part, (name, number) in enumerate(parts.items(), 1):
            np.save(folder / f"{name}.npy", source.draw(number, part))
    else:
        if len(source) < count + sum(parts.values()):
            raise InvalidInput(
                f"{len(source)} real vectors are less than {count} and {sum(parts.values())} to ask",
                hint=f"--counts {max(0, len(source) - sum(parts.values()))}, or less",
            )
        np.save(folder / "vectors.npy", source[:count])
        start = count
        for name, number in parts.items():
            np.save(folder / f"{name}.npy", source[start : start + number])
            start += number
    true = true_neighbours(material.load("vectors"), np.asarray(material.load("asked")), k)
    np.save(folder / "true.tmp.npy", true)
    (folder / "true.tmp.npy").rename(folder / "true.npy")  # last: what is there is whole
    return material


def true_neighbours(vectors: NDArray[np.float32], queries: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """The rows of the ``k`` largest inner products, int64 ``[queries, k]``, best first, without any index.

    Sums are float32; of products equal to the last bit any may come first.
    """
    best = np.full((len(queries), 0), -np.inf, dtype=np.float32)
    rows = np.empty((len(queries), 0), dtype=np.int64)
    for start in range(0, len(vectors), _ROWS):
        scores = queries @ vectors[start : start + _ROWS].T
        some = min(k, scores.shape[1])
        found = np.argpartition(-scores, some - 1, axis=1)[:, :some]
        best = np.concatenate([best, np.take_along_axis(scores, found, axis=1)], axis=1)
        rows = np.concatenate([rows, found + start], axis=1)
        order = np.argsort(-best, axis=1, kind="stable")[:, :k]
        best, rows = np.take_along_axis(best, order, axis=1), np.take_along_axis(rows, order, axis=1)
    return rows
