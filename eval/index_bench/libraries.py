"""Other libraries with a navigable graph, each behind the same three methods."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import NotInstalled

__all__ = ["PEERS", "Library", "load_library"]


class Library(Protocol):
    """A graph over unit vectors, by inner product; rows are numbered in the order of adding."""

    def add(self, vectors: NDArray[np.float32], threads: int) -> None:
        """All vectors ``[n, dimension]`` at once; called once."""

    def search(self, queries: NDArray[np.float32], k: int, effort: int, threads: int) -> NDArray[np.int64]:
        """Rows ``[n, k]``; ``effort`` is how many candidates are looked at."""


class _Hnswlib:
    def __init__(self, dimension: int, count: int, neighbours: int, build_effort: int) -> None:
        self._index: Any = import_module("hnswlib").Index(space="ip", dim=dimension)
        self._index.init_index(max_elements=count, M=neighbours, ef_construction=build_effort)

    def add(self, vectors: NDArray[np.float32], threads: int) -> None:
        self._index.add_items(vectors, np.arange(len(vectors)), num_threads=threads)

    def search(self, queries: NDArray[np.float32], k: int, effort: int, threads: int) -> NDArray[np.int64]:
        self._index.set_ef(max(effort, k))
        labels, _ = self._index.knn_query(queries, k=k, num_threads=threads)
        return np.asarray(labels).astype(np.int64)


class _Usearch:
    def __init__(self, dimension: int, count: int, neighbours: int, build_effort: int) -> None:  # noqa: ARG002
        self._index: Any = import_module("usearch.index").Index(
            ndim=dimension, metric="ip", dtype="f32", connectivity=neighbours, expansion_add=build_effort
        )

    def add(self, vectors: NDArray[np.float32], threads: int) -> None:
        self._index.add(np.arange(len(vectors)), vectors, threads=threads)

    def search(self, queries: NDArray[np.float32], k: int, effort: int, threads: int) -> NDArray[np.int64]:
        self._index.expansion_search = max(effort, k)
        found = self._index.search(queries, k, threads=threads)
        return np.asarray(found.keys).reshape(len(queries), -1).astype(np.int64)


PEERS: dict[str, Callable[[int, int, int, int], Library]] = {"hnswlib": _Hnswlib, "usearch": _Usearch}
"""By name; made from dimension, count, neighbours and build effort."""


def load_library(name: str, dimension: int, count: int, neighbours: int, build_effort: int) -> Library:
    """The library's empty graph.

    Raises:
        NotInstalled: it is not.
    """
    try:
        return PEERS[name](dimension, count, neighbours, build_effort)
    except ImportError as error:
        raise NotInstalled(
            f"{name} cannot be imported: {error}", hint="pip install 'tersus[bench]'"
        ) from error
