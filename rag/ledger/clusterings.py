"""A collection's clustering: read, required, and replaced as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from ...errors import InvalidInput
from .chunk_clusters import ChunkClusterRepository
from .collections import CollectionRepository
from .tables import Cluster, Clustering, Collection
from .vectors import pack_vector, unpack_vectors

__all__ = ["ClusteringRepository", "NewClustering", "NoClusters"]


class NoClusters(InvalidInput):
    """The collection's clusters were not built yet."""

    code = "no_clusters"


@dataclass(frozen=True, slots=True, eq=False)
class NewClustering:
    """What a build found. Every centroid has at least one chunk.

    Args:
        k: clusters asked for.
        seed: of k-means.
        sequence: the collection's when the chunks' vectors were read.
        trained_on: chunks that the centroids were learned from.
        centroids: float32 ``[clusters, dimension]``; the row is the cluster's number.
        ids: of the chunks, int64 ``[n]``.
        numbers: the cluster of each, int64 ``[n]``.
        similarities: the cosine of each to its centroid, float64 ``[n]``.
    """

    k: int
    seed: int
    sequence: int
    trained_on: int
    centroids: NDArray[np.float32]
    ids: NDArray[np.int64]
    numbers: NDArray[np.int64]
    similarities: NDArray[np.float64]


class ClusteringRepository:
    """Clusterings within the caller's transaction; nothing here commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, collection: Collection) -> Clustering | None:
        """The collection's clustering; None before the first build."""
        statement = select(Clustering).where(
            Clustering.collection_id == collection.id,
            Clustering.embedding_model == collection.embedding_model,
        )
        return self._session.scalar(statement.execution_options(populate_existing=True))

    def require(self, collection: Collection) -> Clustering:
        """The collection's clustering. Raises `NoClusters`, which names the command that builds it."""
        clustering = self.get(collection)
        if clustering is None:
            raise NoClusters(
                f"the clusters of {collection.name!r} were not built yet",
                hint=f"tersus clusters --collection {collection.name} --build",
            )
        return clustering

    def clusters(self, clustering: Clustering) -> Sequence[Cluster]:
        """The clusters by number."""
        statement = select(Cluster).where(Cluster.clustering_id == clustering.id).order_by(Cluster.number)
        return self._session.scalars(statement).all()

    def centroids(self, clustering: Clustering, dimension: int) -> NDArray[np.float32]:
        """The centroids, float32 ``[clusters, dimension]``; the row is the cluster's number."""
        statement = select(Cluster.centroid).where(Cluster.clustering_id == clustering.id)
        return unpack_vectors(self._session.scalars(statement.order_by(Cluster.number)).all(), dimension)

    def replace(self, collection: Collection, new: NewClustering) -> Clustering:
        """Put a clustering in the place of the old one, if there is one, with the clusters of all chunks
        that are still there; the collection is locked until the transaction ends.

        Raises:
            UnknownCollection: the collection was deleted meanwhile.
            InvalidInput: centroids of another dimension, NaN or infinity.
        """
        locked = CollectionRepository(self._session).lock(collection)
        centroids = [pack_vector(centroid, locked.dimension) for centroid in new.centroids]
        self._session.execute(delete(Clustering).where(Clustering.collection_id == locked.id))
        clustering = Clustering(
            collection_id=locked.id,
            k=new.k,
            seed=new.seed,
            sequence=new.sequence,
            covered=new.sequence,
            trained_on=new.trained_on,
            size=len(new.ids),
            last_chunk=int(new.ids.max()),
            similarity=float(new.similarities.mean()),
            embedding_model=locked.embedding_model,
        )
        self._session.add(clustering)
        self._session.flush()
        sizes = np.bincount(new.numbers, minlength=len(centroids))
        totals = np.bincount(new.numbers, weights=new.similarities, minlength=len(centroids))
        self._session.execute(
            insert(Cluster),
            [
                {
                    "clustering_id": clustering.id,
                    "number": number,
                    "centroid": centroid,
                    "size": int(size),
                    "similarity": float(total / size),
                }
                for number, (centroid, size, total) in enumerate(zip(centroids, sizes, totals, strict=True))
            ],
        )
        ChunkClusterRepository(self._session).add(clustering, new.ids, new.numbers, new.similarities)
        return clustering
