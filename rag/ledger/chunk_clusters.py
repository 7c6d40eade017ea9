"""The cluster of each chunk: stored once, and read in bulk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import exists, func, insert, select
from sqlalchemy.orm import Session

from .batches import batches
from .tables import Chunk, ChunkCluster, Clustering, Collection

__all__ = ["ChunkClusterRepository", "ClusterTotal"]

_MANY = 20_000  # beyond so many ids, one pass over all of them is quicker
_BLOCK = 10_000  # rows handed to the driver at once


@dataclass(frozen=True, slots=True)
class ClusterTotal:
    """How many chunks a cluster has now, and their mean cosine to its centroid."""

    size: int
    similarity: float


class ChunkClusterRepository:
    """Chunks' clusters within the caller's transaction; nothing here commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def clusters_of(
        self, collection: Collection, ids: Sequence[int] | NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """The stored cluster of each chunk, int64 ``[n]`` in the order asked.

        -1 where there is none: of chunks that came since the clusters were last brought up to date, that
        are gone or of another collection, and of all where no clusters were built.
        """
        wanted = np.asarray(ids, dtype=np.int64)
        pairs: list[tuple[int, int]] = []
        statement = (
            select(ChunkCluster.chunk_id, ChunkCluster.number)
            .join(Clustering, Clustering.id == ChunkCluster.clustering_id)
            .where(Clustering.collection_id == collection.id)
            .where(Clustering.embedding_model == collection.embedding_model)
        )
        if len(wanted) > _MANY:
            pairs = [(row.chunk_id, row.number) for row in self._session.execute(statement)]
        else:
            for some in batches(wanted.tolist()):
                rows = self._session.execute(statement.where(ChunkCluster.chunk_id.in_(some)))
                pairs += [(row.chunk_id, row.number) for row in rows]
        known = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
        if not len(known):
            return np.full(wanted.shape, -1, dtype=np.int64)
        places = np.searchsorted(known[:, 0], wanted).clip(max=len(known) - 1)
        return np.where(known[places, 0] == wanted, known[places, 1], -1)

    def members(self, clustering: Clustering, numbers: Sequence[int]) -> NDArray[np.int64]:
        """The ids of the chunks stored in any of these clusters, ascending."""
        found: list[int] = []
        for some in batches(sorted(set(numbers))):
            statement = select(ChunkCluster.chunk_id).where(
                ChunkCluster.clustering_id == clustering.id, ChunkCluster.number.in_(some)
            )
            found += self._session.scalars(statement)
        return np.array(sorted(found), dtype=np.int64)

    def missing(self, collection: Collection, clustering: Clustering) -> NDArray[np.int64]:
        """The ids of the collection's chunks that have no cluster yet, ascending.

        Nothing is read where the clustering covers the collection as it is; else it is a pass over all.
        """
        if clustering.covered == collection.sequence:
            return np.empty(0, dtype=np.int64)
        return self._without(collection.id)

    def add(
        self,
        clustering: Clustering,
        ids: NDArray[np.int64],
        numbers: NDArray[np.int64],
        similarities: NDArray[np.float64],
    ) -> int:
        """Store the clusters of chunks that have none and are still there; returns how many.

        The caller holds the collection's lock (`CollectionRepository.lock`), so that none is added or
        deleted meanwhile.
        """
        there = np.isin(ids, self._without(clustering.collection_id, ids if len(ids) <= _MANY else None))
        columns = [column[there].tolist() for column in (ids, numbers, similarities)]
        # The table itself, not the mapped class: a million rows take a third of the time.
        statement = insert(ChunkCluster.__table__)  # type: ignore[arg-type]
        for start in range(0, len(columns[0]), _BLOCK):
            rows = zip(*(column[start : start + _BLOCK] for column in columns), strict=True)
            self._session.connection().execute(
                statement,
                [
                    {"chunk_id": i, "clustering_id": clustering.id, "number": n, "similarity": cosine}
                    for i, n, cosine in rows
                ],
            )
        return len(columns[0])

    def _without(self, collection_id: int, ids: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """The collection's chunks without a cluster, ascending where all are asked for."""
        statement = select(Chunk.id).where(Chunk.collection_id == collection_id, ~_HAS_ONE)
        if ids is None:
            return np.fromiter(self._session.scalars(statement.order_by(Chunk.id)), dtype=np.int64)
        found = [self._session.scalars(statement.where(Chunk.id.in_(some))) for some in batches(ids.tolist())]
        return np.array([i for some in found for i in some], dtype=np.int64)

    def totals(self, clustering: Clustering) -> dict[int, ClusterTotal]:
        """Size and mean cosine now by the number of the cluster; clusters without chunks are left out."""
        statement = (
            select(
                ChunkCluster.number,
                func.count().label("size"),
                func.avg(ChunkCluster.similarity).label("similarity"),
            )
            .where(ChunkCluster.clustering_id == clustering.id)
            .group_by(ChunkCluster.number)
        )
        rows = self._session.execute(statement)
        return {row.number: ClusterTotal(row.size, float(row.similarity)) for row in rows}

    def came_since(self, clustering: Clustering) -> ClusterTotal:
        """The chunks that joined a cluster after the build; without any, the similarity is 0."""
        statement = select(
            func.count().label("size"), func.avg(ChunkCluster.similarity).label("similarity")
        ).where(ChunkCluster.clustering_id == clustering.id, ChunkCluster.chunk_id > clustering.last_chunk)
        row = self._session.execute(statement).one()
        return ClusterTotal(row.size, float(row.similarity or 0.0))

    def central(
        self, clustering: Clustering, each: int, numbers: Sequence[int] | None = None
    ) -> dict[int, list[tuple[int, float]]]:
        """Of every cluster the ``each`` chunks nearest to its centroid, nearest first, as id and cosine.

        With ``numbers`` of these clusters alone.
        """
        place = func.row_number().over(
            partition_by=ChunkCluster.number,
            order_by=(ChunkCluster.similarity.desc(), ChunkCluster.chunk_id),
        )
        ranked = select(
            ChunkCluster.number, ChunkCluster.chunk_id, ChunkCluster.similarity, place.label("place")
        ).where(ChunkCluster.clustering_id == clustering.id)
        found: dict[int, list[tuple[int, float]]] = {}
        for some in [None] if numbers is None else batches(list(numbers)):
            inner = (ranked if some is None else ranked.where(ChunkCluster.number.in_(some))).subquery()
            statement = select(inner.c.number, inner.c.chunk_id, inner.c.similarity)
            statement = statement.where(inner.c.place <= each).order_by(inner.c.number, inner.c.place)
            for row in self._session.execute(statement):
                found.setdefault(row.number, []).append((row.chunk_id, row.similarity))
        return found


_HAS_ONE = exists().where(ChunkCluster.chunk_id == Chunk.id)
