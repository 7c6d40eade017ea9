"""What is left after a kill: everything that was said to be done, and no wrong neighbour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import select

from ...indexes.ann import AnnIndex
from ...rag.ledger import ChunkRepository, CollectionRepository
from ...rag.ledger.tables import Chunk, Document
from .work import CHUNKS, COLLECTION, opened, vectors_of

__all__ = ["Left", "look"]

_ASKED, _K = 40, 10
_ROUNDING = 1e-5


@dataclass(frozen=True, slots=True)
class Left:
    """``documents``: number to version, as SQL has them. ``lost``: chunks of them that the index lacks or
    has too many, or whose vector in SQL is not theirs; ``wrong``: neighbours that are none: gone, or
    with a score that is not their cosine. ``recall`` of the ten nearest against all of SQL's vectors."""

    documents: dict[int, int]
    kind: str
    chunks: int
    lost: int
    wrong: int
    recall: float


def look(home: Path, expected: Mapping[int, int], seed: int) -> Left:
    """Open ``home`` as any process does, and compare the index with SQL and with what the vectors must be.

    Questions are asked near the vectors of the documents ``expected``, drawn with ``seed``.
    """
    database, store = opened(home)
    _, index = store.open(COLLECTION)
    with database.session() as session:
        row = CollectionRepository(session).require(COLLECTION)
        documents = {
            int(found.external_id): int(found.content_hash)
            for found in session.execute(
                select(Document.external_id, Document.content_hash).where(Document.collection_id == row.id)
            )
        }
        places = {
            found.id: (int(found.external_id), found.position)
            for found in session.execute(
                select(Chunk.id, Document.external_id, Chunk.position)
                .join(Document, Document.id == Chunk.document_id)
                .where(Chunk.collection_id == row.id)
            )
        }
        parts = list(ChunkRepository(session).vectors(row, batch=4096))
    ids = np.concatenate([ids for ids, _ in parts])
    vectors = np.concatenate([vectors for _, vectors in parts])
    lost = len(np.setxor1d(ids, index.ids())) + abs(len(documents) * CHUNKS - len(ids))
    chance = np.random.default_rng(seed)
    for place in chance.choice(len(ids), 200):
        number, position = places[int(ids[place])]
        true = vectors_of(number, documents[number])[position]
        lost += not np.allclose(vectors[place], true, atol=1e-6)
    drawn = [vectors_of(n, expected[n])[0] for n in chance.choice(sorted(expected), _ASKED).tolist()]
    queries = np.array(drawn) + chance.normal(scale=0.01, size=(_ASKED, vectors.shape[1]))
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    cosines = queries @ vectors.T.astype(np.float64)
    found = index.search(queries, _K)
    error = 4 * index.score_error if isinstance(index, AnnIndex) and index.trained else 0.0
    wrong, hits = 0, 0
    for line, (names, scores) in enumerate(zip(found.ids, found.scores, strict=True)):
        rows = np.searchsorted(ids, names).clip(max=len(ids) - 1)
        there = ids[rows] == names
        off = np.abs(cosines[line, rows] - scores) > error + _ROUNDING
        wrong += int((~there | off).sum())
        hits += int((cosines[line, rows] >= np.sort(cosines[line])[-_K] - _ROUNDING)[there].sum())
    database.close()
    return Left(documents, index.kind, len(ids), lost, wrong, hits / (_ASKED * _K))
