"""Collections with vectors that a test chooses, and their clusters read by plain SQL."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from tersus.rag.ledger import CollectionRepository, Database, DocumentRepository, NewChunk, NewDocument
from tersus.rag.ledger.tables import Chunk, ChunkCluster, Cluster, Clustering, Collection, Vector

__all__ = ["MODEL", "add", "around", "brute", "check_level", "middles", "stored"]

MODEL = "made-up"


def middles(groups: int, dimension: int, seed: int = 5) -> NDArray[np.float32]:
    """Directions that lie apart."""
    rows = np.random.default_rng(seed).normal(size=(groups, dimension))
    unit: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1)[:, None]).astype(np.float32)
    return unit


def around(middle: NDArray[np.float32], count: int, spread: float, seed: int) -> NDArray[np.float32]:
    """Unit vectors near a direction."""
    rows = middle + spread * np.random.default_rng(seed).normal(size=(count, len(middle)))
    unit: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1)[:, None]).astype(np.float32)
    return unit


def add(
    database: Database,
    name: str,
    vectors: Any,
    texts: Sequence[str] | None = None,
    *,
    collection: str = "docs",
    meta: Mapping[str, Any] | None = None,
) -> None:
    """Put a document with a chunk for each vector into a collection."""
    rows = np.asarray(vectors, dtype=np.float32)
    given = list(texts) if texts is not None else [f"{name} {number}" for number in range(len(rows))]
    whole, chunks = "", []
    for text, row in zip(given, rows, strict=True):
        chunks.append(NewChunk(len(whole), len(whole) + len(text), name, text, row))
        whole += text + "\n"
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass") + rows.tobytes()).hexdigest()
    document = NewDocument(
        name, name, whole, digest, "text/plain", len(whole), meta=dict(meta or {}), chunks=chunks
    )
    with database.session(write=True) as session:
        row = CollectionRepository(session).get_or_create(collection, MODEL, rows.shape[1])
        DocumentRepository(session).replace(row, document)


def stored(database: Database, collection: str = "docs") -> tuple[Any, dict[int, int], dict[int, Any]]:
    """Centroids, the cluster of each chunk, and the vector of each chunk, in one snapshot."""
    with database.session() as session:
        row = session.scalar(select(Collection).where(Collection.name == collection))
        assert row is not None
        clustering = session.scalar(select(Clustering).where(Clustering.collection_id == row.id))
        assert clustering is not None
        data = session.execute(
            select(Cluster.number, Cluster.centroid)
            .where(Cluster.clustering_id == clustering.id)
            .order_by(Cluster.number)
        ).all()
        assert [one.number for one in data] == list(range(len(data)))
        centroids = np.stack([np.frombuffer(one.centroid, "<f4") for one in data])
        homes = session.execute(
            select(ChunkCluster.chunk_id, ChunkCluster.number, ChunkCluster.clustering_id)
            .join(Chunk, Chunk.id == ChunkCluster.chunk_id)
            .where(Chunk.collection_id == row.id)
        ).all()
        assert {home.clustering_id for home in homes} <= {clustering.id}
        vectors = session.execute(
            select(Vector.chunk_id, Vector.data)
            .join(Chunk, Chunk.id == Vector.chunk_id)
            .where(Chunk.collection_id == row.id)
        ).all()
        return (
            centroids,
            {home.chunk_id: home.number for home in homes},
            {one.chunk_id: np.frombuffer(one.data, "<f4") for one in vectors},
        )


def brute(centroids: Any, vectors: Mapping[int, Any]) -> dict[int, int]:
    """The nearest centroid of each vector in float64, whose ties no random vectors have."""
    wide = np.asarray(centroids, dtype=np.float64)
    return {i: int((wide @ vector.astype(np.float64)).argmax()) for i, vector in vectors.items()}


def check_level(database: Database, collection: str = "docs") -> dict[int, int]:
    """Every chunk, and nothing else, has the cluster that is nearest; returns them."""
    centroids, homes, vectors = stored(database, collection)
    assert homes == brute(centroids, vectors)
    return homes
