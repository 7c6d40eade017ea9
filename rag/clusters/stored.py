"""Clusters as searches and indexes read them, within a session of theirs; nothing is written."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import JSON, BigInteger, Subquery, Text, cast, func, literal, select, union_all
from sqlalchemy.orm import Session

from ...indexes.nearest_centroid import assign
from ..ledger import ChunkRepository
from ..ledger.chunk_clusters import ChunkClusterRepository
from ..ledger.clusterings import ClusteringRepository
from ..ledger.tables import ChunkCluster, Clustering, Collection

__all__ = ["chunks_in_clusters", "cluster_table", "clusters_of", "load_centroids"]


def load_centroids(session: Session, collection: Collection) -> NDArray[np.float32] | None:
    """The centroids of the collection's clusters, float32 ``[clusters, dimension]``; None before the
    first build. The row is the cluster's number."""
    repository = ClusteringRepository(session)
    clustering = repository.get(collection)
    return None if clustering is None else repository.centroids(clustering, collection.dimension)


def clusters_of(
    session: Session, collection: Collection, ids: Sequence[int] | NDArray[np.int64]
) -> NDArray[np.int64]:
    """The cluster of each chunk, int64 ``[n]`` in the order asked; -1 for chunks that are gone or of
    another collection. Of chunks that have none stored yet, the one whose centroid is nearest.

    Raises:
        NoClusters: they were not built.
    """
    clustering = ClusteringRepository(session).require(collection)
    wanted = np.asarray(ids, dtype=np.int64)
    found = ChunkClusterRepository(session).clusters_of(collection, wanted)
    unknown = np.unique(wanted[found < 0])
    known, numbers = _nearest(session, collection, clustering, unknown)
    if known.size:
        places = np.searchsorted(known, wanted).clip(max=len(known) - 1)
        found = np.where((found < 0) & (known[places] == wanted), numbers[places], found)
    return found


def chunks_in_clusters(session: Session, collection: Collection, numbers: Sequence[int]) -> NDArray[np.int64]:
    """The ids of the collection's chunks in any of these clusters, int64, ascending: level with SQL as the
    session sees it, whether or not the new ones' clusters are stored. Numbers of no cluster are nobody's.

    Raises:
        NoClusters: they were not built.
    """
    clustering = ClusteringRepository(session).require(collection)
    repository = ChunkClusterRepository(session)
    wanted = [number for number in numbers if -(2**31) <= number < 2**31]  # what the column can hold
    stored = repository.members(clustering, wanted)
    missing = repository.missing(collection, clustering)
    ids, nearest = _nearest(session, collection, clustering, missing)
    return np.union1d(stored, ids[np.isin(nearest, wanted)]).astype(np.int64)


def cluster_table(session: Session, collection: Collection) -> Subquery:
    """Columns ``chunk_id`` and ``number`` with a row for every chunk of the collection, to join with: level
    with SQL as `chunks_in_clusters` is. Chunks without a stored cluster travel in the statement, some 12
    bytes each.

    Raises:
        NoClusters: they were not built.
    """
    clustering = ClusteringRepository(session).require(collection)
    missing = ChunkClusterRepository(session).missing(collection, clustering)
    ids, numbers = _nearest(session, collection, clustering, missing)
    stored = select(ChunkCluster.chunk_id, ChunkCluster.number).where(
        ChunkCluster.clustering_id == clustering.id
    )
    if not ids.size:
        return stored.subquery()
    packed = literal(json.dumps(dict(zip(ids.tolist(), numbers.tolist(), strict=True))), Text)
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    unpacked = func.json_each(packed) if is_sqlite else func.json_each_text(cast(packed, JSON))
    pairs = unpacked.table_valued("key", "value")
    new = select(cast(pairs.c.key, BigInteger), cast(pairs.c.value, BigInteger))
    return union_all(stored, new).subquery()


def _nearest(
    session: Session, collection: Collection, clustering: Clustering, ids: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Those of the ids that are chunks of the collection, in order, and the nearest centroid of each."""
    found = [(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))]
    if ids.size:
        centroids = ClusteringRepository(session).centroids(clustering, collection.dimension)
        for some, vectors in ChunkRepository(session).vectors(collection, ids):
            found.append((some, assign(vectors, centroids)))
    every, numbers = (np.concatenate(column) for column in zip(*found, strict=True))
    return every, numbers
