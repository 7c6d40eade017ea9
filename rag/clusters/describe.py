"""What clusters there are, for people and machines."""

from __future__ import annotations

from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from ..ledger import ChunkRepository, CollectionRepository, Database
from ..ledger.chunk_clusters import ChunkClusterRepository, ClusterTotal
from ..ledger.clusterings import ClusteringRepository
from ..ledger.crags import CragRepository
from ..ledger.tables import Chunk, Clustering
from .level import assign_new
from .terms import key_terms

__all__ = ["describe_clusters"]

CHANGED = 0.25
"""Clusters are worth building anew when more than this share of their chunks came or went since."""
FALLEN = 0.02
"""Or when the mean cosine to the centroids fell by more than this."""

_TEXTS = 5_000  # that terms are counted in, of all clusters together
_LEAST_TEXTS = 5  # of each cluster
_BEGINNING = 300  # characters of a passage


def describe_clusters(
    database: Database, collection: str, *, terms: int = 8, passages: int = 3, limit: int | None = None
) -> dict[str, Any]:
    """The clusters of a collection by size, JSON-ready; new chunks get theirs first.

    ``share`` is that of all chunks; ``similarity`` the mean cosine to the centroid, now and (``_then``)
    when the clusters were built. ``terms`` are counted in the chunks nearest to the centroids, as many of
    each cluster as make 5,000 together. ``passages`` are the nearest of all, each with the first 300
    characters of its text. ``rebuild`` says why building anew is worth it; None where it is not.

    Args:
        database: the ledger.
        collection: whose clusters.
        terms: key terms a cluster; 0 spares the counting.
        passages: central passages a cluster.
        limit: only so many of the largest clusters.

    Raises:
        UnknownCollection, NoClusters: there is no such collection, or its clusters were not built.
    """
    assign_new(database, collection)
    with database.session() as session:
        row = CollectionRepository(session).require(collection)
        repository = ClusteringRepository(session)
        clustering = repository.require(row)
        clusters = {one.number: one for one in repository.clusters(clustering)}
        members = ChunkClusterRepository(session)
        totals, since = members.totals(clustering), members.came_since(clustering)
        order = sorted(clusters, key=lambda number: (-_size(totals, number), number))[:limit]
        found = _terms(session, clustering, len(totals), terms) if terms else {}
        central = members.central(clustering, passages, order) if passages else {}
        texts = _passages(session, [i for some in central.values() for i, _ in some])
    chunks = sum(total.size for total in totals.values())
    drift = _drift(clustering, totals, since, chunks)
    return {
        "collection": collection,
        "chunks": chunks,
        "asked": clustering.k,
        "seed": clustering.seed,
        "trained_on": clustering.trained_on,
        "created_at": clustering.created_at.isoformat(),
        **drift,
        "clusters_in_all": len(clusters),
        "clusters": [
            {
                "cluster": number,
                "chunks": _size(totals, number),
                "share": _size(totals, number) / chunks if chunks else 0.0,
                "similarity": totals[number].similarity if number in totals else None,
                "chunks_then": clusters[number].size,
                "similarity_then": clusters[number].similarity,
                "terms": found.get(number, []),
                "passages": [
                    {**texts[i], "similarity": cosine} for i, cosine in central.get(number, []) if i in texts
                ],
            }
            for number in order
        ],
    }


def _size(totals: dict[int, ClusterTotal], number: int) -> int:
    return totals[number].size if number in totals else 0


def _drift(
    clustering: Clustering, totals: dict[int, ClusterTotal], since: ClusterTotal, chunks: int
) -> dict[str, Any]:
    now = sum(one.size * one.similarity for one in totals.values()) / chunks if chunks else None
    gone = clustering.size - (chunks - since.size)
    changed = (since.size + gone) / clustering.size
    rebuild = None
    if changed > CHANGED:
        rebuild = f"{since.size:,} chunks came and {gone:,} went since {clustering.size:,} were clustered"
    elif now is not None and clustering.similarity - now > FALLEN:
        rebuild = f"the mean cosine to the centroids fell from {clustering.similarity:.3f} to {now:.3f}"
    return {
        "similarity": now,
        "similarity_then": clustering.similarity,
        "similarity_of_new": since.similarity if since.size else None,
        "came": since.size,
        "went": gone,
        "rebuild": rebuild,
    }


def _terms(session: Session, clustering: Clustering, clusters: int, count: int) -> dict[int, list[str]]:
    each = max(_LEAST_TEXTS, _TEXTS // max(clusters, 1))
    nearest = ChunkClusterRepository(session).central(clustering, each)
    home = {i: number for number, some in nearest.items() for i, _ in some}
    texts = {i: text for i, _, text in CragRepository(session).texts(list(home))}
    numbers = np.array([home[i] for i in texts], dtype=np.int64)
    return key_terms(list(texts.values()), numbers, count) if texts else {}


def _passages(session: Session, ids: list[int]) -> dict[int, dict[str, Any]]:
    return {chunk.id: _passage(chunk) for chunk in ChunkRepository(session).get(ids)}


def _passage(chunk: Chunk) -> dict[str, Any]:
    text = " ".join(chunk.text[: 4 * _BEGINNING].split())
    return {
        "id": chunk.id,
        "document": chunk.document.external_id,
        "document_title": chunk.document.title,
        "title": chunk.title,
        "text": text[:_BEGINNING],
    }
