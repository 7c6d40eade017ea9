"""Bring an index level with SQL."""

from __future__ import annotations

import numpy as np
from sqlalchemy.orm import Session

from ...indexes import Index
from ..ledger import ChunkRepository
from ..ledger.tables import Collection

__all__ = ["bring_level"]

_BATCH = 4096  # vectors read and added at a time


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


def _fill(repository: ChunkRepository, collection: Collection, index: Index, ids: np.ndarray) -> None:
    if ids.size:
        everything = None if not len(index) else ids
        for found, vectors in repository.vectors(collection, everything, batch=_BATCH):
            index.add(found, vectors)
