"""Bring the clusters level with SQL: chunks that came since get the nearest centroid."""

from __future__ import annotations

from ...errors import TersusError
from ...indexes.nearest_centroid import assign, similarities
from ..ledger import ChunkRepository, CollectionRepository, Database
from ..ledger.chunk_clusters import ChunkClusterRepository
from ..ledger.clusterings import ClusteringRepository

__all__ = ["ClustersChanged", "assign_new", "ensure_clusters"]

_TRIES = 10
_PAGE = 5_000  # chunks written in one transaction, so that other writers need not wait long


class ClustersChanged(TersusError):
    """The clusters were built anew again and again while new chunks were being given theirs."""

    code = "clusters_changed"


def assign_new(database: Database, collection: str) -> int:
    """Give each chunk without a cluster the one whose centroid is nearest; returns how many got one.

    Chunks that were deleted have left their clusters already. Nothing is read or written where the
    clusters are level. Safe beside ingests, builds and others that do the same: what a killed one stored
    is right, and the next goes on.

    Raises:
        UnknownCollection, NoClusters: there is no such collection, or its clusters were not built.
        ClustersChanged: other builds were always faster.
    """
    added = 0
    for _ in range(_TRIES):
        found = _assign(database, collection)
        if found is not None:
            return added + found
    raise ClustersChanged(f"the clusters of {collection!r} keep changing", hint="try again")


def ensure_clusters(database: Database, collection: str, *, seed: int = 0) -> None:
    """Build the clusters where there are none, else bring them up to date.

    Raises:
        UnknownCollection, EmptyCollection: there is nothing to cluster.
    """
    from .build import build_clusters

    with database.session() as session:
        row = CollectionRepository(session).require(collection)
        missing = ClusteringRepository(session).get(row) is None
    if missing:
        build_clusters(database, collection, seed=seed)
    else:
        assign_new(database, collection)


def _assign(database: Database, collection: str) -> int | None:
    """How many got a cluster; None where another clustering took this one's place meanwhile."""
    with database.session() as session:
        row = CollectionRepository(session).require(collection)
        clusterings = ClusteringRepository(session)
        clustering = clusterings.require(row)
        if clustering.covered == row.sequence:
            return 0
        centroids = clusterings.centroids(clustering, row.dimension)
        missing = ChunkClusterRepository(session).missing(row, clustering)
    added = 0
    for start in range(0, max(len(missing), 1), _PAGE):
        with database.session() as session:
            pages = list(ChunkRepository(session).vectors(row, missing[start : start + _PAGE]))
        ready = []
        for ids, vectors in pages:
            numbers = assign(vectors, centroids)
            ready.append((ids, numbers, similarities(vectors, centroids, numbers)))
        with database.session(write=True) as session:
            locked = CollectionRepository(session).lock(row)
            current = ClusteringRepository(session).get(locked)
            if current is None or current.id != clustering.id:
                return None
            repository = ChunkClusterRepository(session)
            added += sum(repository.add(current, *page) for page in ready)
            if start + _PAGE >= len(missing):
                current.covered = max(current.covered, row.sequence)
    return added
