"""A new index of a collection, filled from SQL."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from ...indexes import Index, create_index
from ...indexes.device import resolve
from ...indexes.kmeans import sample_size, suggest_k
from ..clusters import assign_new, build_clusters
from ..clusters.stored import load_centroids
from ..ledger import ChunkRepository, CollectionRepository, Database
from ..ledger.clusterings import ClusteringRepository
from ..ledger.tables import Collection
from .choice import IndexSettings

__all__ = ["build_index"]

_BATCH = 4096  # vectors read and added at a time
_TUNED_WITH = 256  # of them, as questions


def build_index(
    database: Database,
    name: str,
    settings: IndexSettings,
    advance: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[Collection, Index]:
    """An index of the kind that fits the collection, with all that SQL holds at one moment.

    The lists of a kind that has them are the collection's clusters, built where there are none, and anew
    where their number came from a size that the collection has outgrown. Where somebody chose a number
    that is no number of lists, the clusters stay and the index learns lists of its own. ``advance`` is told
    how many vectors are in, and of how many.

    Returns:
        The collection as it was at that moment, and the index.

    Raises:
        UnknownCollection: there is none of that name.
        UnknownIndex, IndexBroken, InvalidInput: the kind is not installed, or does not take its options.
    """
    with database.session() as session:
        collection = CollectionRepository(session).require(name)
        count = ChunkRepository(session).count(collection)
    kind = settings.kind(collection.index_kind, count, collection.dimension)
    index = create_index(kind, collection.dimension, **settings.options.get(kind, {}))
    if index.clustered and count:
        _fit_clusters(database, name, count, resolve(settings.device))
    with database.session() as session:
        now = CollectionRepository(session).require(name)
        repository = ChunkRepository(session)
        ids = repository.ids(now)
        sample = _sample(repository, now, ids, learns=index.clustered)
        if len(sample):
            index.prepare(sample, len(ids), _lists(session, now, len(ids)) if index.clustered else None)
        done = 0
        for some, vectors in repository.vectors(now, batch=_BATCH):
            index.add(some, vectors)
            advance(done := done + len(some), len(ids))
        index.finish(sample[:_TUNED_WITH])
    return now, index


def _fit_clusters(database: Database, name: str, count: int, device: str) -> None:
    with database.session() as session:
        found = ClusteringRepository(session).get(CollectionRepository(session).require(name))
    # About: chunks may have come while a build was learning.
    by_itself = found is not None and abs(found.k - suggest_k(found.size)) <= 0.05 * found.k
    if found is None or (by_itself and not _fits(found.k, count)):
        build_clusters(database, name, device=device)
    else:
        assign_new(database, name)


def _fits(lists: int, count: int) -> bool:
    """Whether this is about as many lists as ``count`` vectors need."""
    return suggest_k(count) / 2 <= lists <= suggest_k(count) * 2


def _lists(session: Session, collection: Collection, count: int) -> NDArray[np.float32] | None:
    """The clusters' centroids, if there are about as many as ``count`` vectors need."""
    centroids = load_centroids(session, collection)
    return centroids if centroids is not None and _fits(len(centroids), count) else None


def _sample(
    repository: ChunkRepository, collection: Collection, ids: NDArray[np.int64], *, learns: bool
) -> NDArray[np.float32]:
    """Vectors of chunks drawn at random, in random order: enough to learn lists from, or to be tuned with."""
    size = sample_size(len(ids), suggest_k(len(ids))) if learns and len(ids) else _TUNED_WITH
    drawn = np.random.default_rng(0).permutation(ids)[:size]
    found = [vectors for _, vectors in repository.vectors(collection, drawn)] if len(drawn) else []
    return np.concatenate(found) if found else np.empty((0, collection.dimension), dtype=np.float32)
