"""Cluster a collection: learn the centroids, give every chunk its nearest, store both."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from ...errors import InvalidInput, TersusError
from ...indexes.kmeans import sample_size, suggest_k, train_centroids
from ...indexes.nearest_centroid import assign, similarities
from ..ledger import ChunkRepository, CollectionRepository, Database
from ..ledger.clusterings import ClusteringRepository, NewClustering
from ..ledger.tables import Collection
from .level import assign_new

__all__ = ["ClusterReport", "CollectionReplaced", "build_clusters"]

Advance = Callable[[int, int], None]


class CollectionReplaced(TersusError):
    """The collection was deleted during the build, and another one made under its name, or emptied."""

    code = "collection_replaced"


@dataclass(frozen=True, slots=True)
class ClusterReport:
    """What a build did. Of ``asked`` clusters those that no chunk was nearest to were left out;
    ``similarity`` is the chunks' mean cosine to their centroids."""

    collection: str
    clusters: int
    asked: int
    chunks: int
    trained_on: int
    similarity: float
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def build_clusters(
    database: Database,
    collection: str,
    k: int | None = None,
    *,
    seed: int = 0,
    sample: int | None = None,
    device: str = "cpu",
    advance: Advance = lambda _done, _total: None,
) -> ClusterReport:
    """Cluster a collection's chunks by spherical k-means; the old clustering, if any, is replaced.

    Vectors are read from SQL in pages and k-means learns from a sample where there are many, so memory
    holds the sample and 24 bytes a chunk. All is written in one transaction: a build that is killed, or
    beaten by another, leaves a whole clustering. Chunks that came meanwhile get their clusters at the end.

    Args:
        database: the ledger.
        collection: whose chunks.
        k: how many clusters; what `suggest_k` says by default.
        seed: of the sample and of k-means.
        sample: chunks to learn from; what `sample_size` says by default.
        device: of k-means, see `train_centroids`.
        advance: told how many chunks were given a cluster, and of how many.

    Raises:
        UnknownCollection, EmptyCollection: there is nothing to cluster.
        InvalidInput: k above the number of chunks, or another number out of its range.
        CollectionReplaced: it was deleted or emptied meanwhile.
    """
    started = time.perf_counter()
    with database.session() as session:
        row = CollectionRepository(session).require(collection)
        ids = ChunkRepository(session).ids(row)
        asked = _wanted(collection, k, len(ids))
        chosen = _sample(ids, asked, sample, seed)
        vectors = _vectors(session, row, None if len(chosen) == len(ids) else chosen)
    # No session is open while k-means runs: a snapshot held for minutes would keep old rows on disk.
    centroids = train_centroids(vectors, asked, seed=seed, device=device, sample=len(chosen))
    del vectors
    with database.session() as session:
        now = CollectionRepository(session).require(collection)
        new = _assigned(session, now, centroids, advance) if now.uid == row.uid else None
    if new is None:
        raise CollectionReplaced(
            f"collection {collection!r} was replaced or emptied during the build", hint="build again"
        )
    found = NewClustering(asked, seed, now.sequence, len(chosen), *new)
    with database.session(write=True) as session:
        ClusteringRepository(session).replace(row, found)
    assign_new(database, collection)
    return ClusterReport(
        collection,
        clusters=len(found.centroids),
        asked=asked,
        chunks=len(found.ids),
        trained_on=len(chosen),
        similarity=float(found.similarities.mean()),
        seconds=time.perf_counter() - started,
    )


def _wanted(collection: str, k: int | None, count: int) -> int:
    if not count:
        from ..retrieve import EmptyCollection  # here: retrieval needs indexes, and they need clusters

        raise EmptyCollection(
            f"collection {collection!r} is empty", hint=f"tersus ingest PATH --collection {collection}"
        )
    if k is not None and (isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= count):
        raise InvalidInput(
            f"{count} chunks cannot have {k!r} clusters",
            hint=f"give a number from 1 to {count}, or none: {suggest_k(count)} would fit",
        )
    return k or suggest_k(count)


def _sample(ids: NDArray[np.int64], k: int, size: int | None, seed: int) -> NDArray[np.int64]:
    """The ids of the chunks to learn from, ascending."""
    most = sample_size(len(ids), k) if size is None else size
    if most < k:
        raise InvalidInput(
            f"{k} clusters cannot be learned from a sample of {most}", hint="give a larger sample"
        )
    if most >= len(ids):
        return ids
    return np.sort(np.random.default_rng(seed).choice(ids, most, replace=False))


def _vectors(session: Session, collection: Collection, ids: NDArray[np.int64] | None) -> NDArray[np.float32]:
    pages = [vectors for _, vectors in ChunkRepository(session).vectors(collection, ids)]
    return np.concatenate(pages)


def _assigned(
    session: Session, collection: Collection, centroids: NDArray[np.float32], advance: Advance
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]] | None:
    """Centroids that a chunk is nearest to; ids, clusters and cosines of all chunks. None without chunks."""
    repository, done = ChunkRepository(session), 0
    total = repository.count(collection)
    pages = []
    for ids, vectors in repository.vectors(collection):
        numbers = assign(vectors, centroids)
        pages.append((ids, numbers, similarities(vectors, centroids, numbers)))
        advance(done := done + len(ids), total)
    if not pages:
        return None
    every, numbers, cosines = (np.concatenate(column) for column in zip(*pages, strict=True))
    # Without the centroids that are nobody's, everybody's nearest stays the same.
    used, numbers = np.unique(numbers, return_inverse=True)
    return centroids[used], every, numbers.astype(np.int64), cosines
