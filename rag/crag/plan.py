"""How a group's clusters change when its passages do."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...compressors.crag import cluster
from ..ledger.crags import ChunkRow, StoredGroup
from ..ledger.vectors import pack_vector, unpack_vectors

__all__ = ["Planned", "content_hash", "plan_clusters", "summary_key"]

DRIFT = 0.25
"""A group is clustered anew when more than this share of its passages came or went since it last was."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A cluster as it is to be: its centroid and passages, and which of these it was clustered from."""

    centroid: bytes
    chunks: tuple[ChunkRow, ...]
    founders: frozenset[int]


def plan_clusters(
    chunks: Sequence[ChunkRow],
    stored: StoredGroup | None,
    *,
    clusters: int | None,
    dimension: int,
    seed: int = 0,
) -> tuple[list[Planned], int, float | None]:
    """Clusters of a group, how many passages they were clustered from, and the silhouette.

    A group that changed little, and of which as many clusters were asked before, keeps them: gone passages
    leave theirs, new ones join the one with the nearest centroid, so that the others' summaries stay. Else
    k-means runs anew.

    Args:
        chunks: of the group, at least one; their vectors have length 1.
        stored: what there was.
        clusters: k; None lets the silhouette choose.
        dimension: of the vectors.
        seed: of k-means.
    """
    if stored is not None and stored.clusters and stored.asked == clusters and not _drifted(chunks, stored):
        return _joined(chunks, stored, dimension), stored.size, stored.silhouette
    vectors = unpack_vectors([chunk.vector for chunk in chunks], dimension)
    found = cluster(vectors, clusters, seed)
    planned = [
        Planned(
            pack_vector(found.centroids[number], dimension),
            tuple(chunks[row] for row in found.members(number)),
            frozenset(chunks[row].id for row in found.members(number)),
        )
        for number in range(found.k)
    ]
    return planned, len(chunks), found.silhouette


def summary_key(chunks: Sequence[ChunkRow], fingerprint: str, max_tokens: int) -> str:
    """Names what is summarised and how: equal keys, equal summaries."""
    digest = hashlib.sha256(f"{fingerprint}\n{max_tokens}\n".encode("utf-8", "surrogatepass"))
    digest.update("\n".join(sorted(content_hash(chunk.title, chunk.text) for chunk in chunks)).encode())
    return digest.hexdigest()


def content_hash(title: str, text: str) -> str:
    """Names a passage by its title and text: 32 hexadecimal characters."""
    both = f"{title}\n{text}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(both, digest_size=16).hexdigest()


def _drifted(chunks: Sequence[ChunkRow], stored: StoredGroup) -> bool:
    now = {chunk.id for chunk in chunks}
    founders = {i for one in stored.clusters for i, founder in one.members.items() if founder} & now
    changed = len(now - founders) + stored.size - len(founders)
    return changed > DRIFT * stored.size


def _joined(chunks: Sequence[ChunkRow], stored: StoredGroup, dimension: int) -> list[Planned]:
    centroids = unpack_vectors([one.centroid for one in stored.clusters], dimension)
    home = {chunk_id: number for number, one in enumerate(stored.clusters) for chunk_id in one.members}
    inside: list[list[ChunkRow]] = [[] for _ in stored.clusters]
    for chunk in chunks:
        number = home.get(chunk.id)
        if number is None:
            vector = unpack_vectors([chunk.vector], dimension)[0]
            number = int(np.argmax(centroids @ vector))
        inside[number].append(chunk)
    return [
        Planned(
            one.centroid,
            tuple(members),
            frozenset(chunk.id for chunk in members if one.members.get(chunk.id)),
        )
        for one, members in zip(stored.clusters, inside, strict=True)
        if members
    ]
