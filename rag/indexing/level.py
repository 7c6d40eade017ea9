"""Bring an index level with SQL."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from ...indexes import Index
from ..ledger import ChunkRepository
from ..ledger.tables import Collection

__all__ = ["bring_level", "diverged"]

_BATCH = 4096  # vectors read and added at a time
_WITNESSES = 64
_SAME = 0.01  # a vector's cosine to itself is 1, but for rounding and what an index's codes lose


def bring_level(session: Session, collection: Collection, index: Index, *, whole: bool) -> None:
    """Add to ``index`` what SQL has and it lacks, remove what SQL has no longer, as the session sees it.

    Chunk ids grow, are never used twice, and are given out under the collection's lock; a chunk never
    changes. So an index that was level once lacks just the ids above its own, and where their number
    then is SQL's, nothing was deleted: that is looked at first, at the cost of what came. ``whole`` compares
    all ids, for an index of which nobody knows where it has been.
    """
    repository = ChunkRepository(session)
    if not whole and len(index):
        new = repository.ids(collection, above=int(index.ids()[-1]))
        _fill(repository, collection, index, new)
        if len(index) == repository.count(collection):
            return
    wanted, present = repository.ids(collection), index.ids()
    _fill(repository, collection, index, np.setdiff1d(wanted, present, assume_unique=True))
    # Last: searches that run beside this may find more than SQL has, which is passed over, but not less.
    index.remove(np.setdiff1d(present, wanted, assume_unique=True))


def diverged(session: Session, collection: Collection, index: Index) -> bool:
    """Whether ``index`` holds chunks of another history of the database, as after a restored backup.

    Then ids were given out a second time, from some id on. So the largest ids that both have are looked at:
    whether the vector that SQL has is the one in the index. Chunks whose vectors differ too little to be
    told apart do no harm.
    """
    present = index.ids()
    if not present.size:
        return False
    repository = ChunkRepository(session)
    both = np.intersect1d(repository.latest(collection, int(present[-1]), _WITNESSES), present)
    allowed = max(_SAME, 4 * getattr(index, "score_error", 0.0))
    for ids, vectors in repository.vectors(collection, both):
        found = index.search(vectors, both.size, allowed=both)
        itself = np.where(found.ids == ids[:, None], found.scores, -np.inf).max(axis=1)
        if (itself < 1 - allowed).any():
            return True
    return False


def _fill(repository: ChunkRepository, collection: Collection, index: Index, ids: NDArray[np.int64]) -> None:
    if ids.size:
        everything = None if not len(index) else ids
        for found, vectors in repository.vectors(collection, everything, batch=_BATCH):
            index.add(found, vectors)
