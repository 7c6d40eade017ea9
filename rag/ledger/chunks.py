"""Chunks and their vectors, read in bulk; `documents` writes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session, selectinload

from .batches import PARAMETERS, batches
from .tables import Chunk, Collection, Document, Vector
from .vectors import unpack_vectors

__all__ = ["ChunkRepository"]


class ChunkRepository:
    """Chunks within the caller's transaction; ids are 64-bit integers that are never given out twice."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def ids(self, collection: Collection, above: int = -1) -> NDArray[np.int64]:
        """The ids of all chunks that are larger than ``above``, ascending; shape ``(chunks,)``."""
        statement = select(Chunk.id).where(Chunk.collection_id == collection.id, Chunk.id > above)
        return np.fromiter(self._session.scalars(statement.order_by(Chunk.id)), dtype=np.int64)

    def latest(self, collection: Collection, upto: int, limit: int) -> NDArray[np.int64]:
        """The largest ids that are at most ``upto``, descending; shape ``(limit or fewer,)``."""
        statement = select(Chunk.id).where(Chunk.collection_id == collection.id, Chunk.id <= upto)
        return np.fromiter(
            self._session.scalars(statement.order_by(Chunk.id.desc()).limit(limit)), dtype=np.int64
        )

    def count(self, collection: Collection) -> int:
        """The number of chunks."""
        statement = select(func.count()).where(Chunk.collection_id == collection.id)
        return self._session.scalar(statement) or 0

    def any(self, collection: Collection) -> bool:
        """Whether there is one; faster than counting them."""
        statement = select(Chunk.id).where(Chunk.collection_id == collection.id).limit(1)
        return self._session.scalar(statement) is not None

    def get(self, ids: Sequence[int] | NDArray[np.int64]) -> Sequence[Chunk]:
        """The chunks in the order asked, each with its ``document`` (without the document's text).

        Ids that are gone are passed over: an index may still name a chunk that was deleted since.
        """
        wanted = [int(chunk_id) for chunk_id in ids]
        found: dict[int, Chunk] = {}
        for some in batches(wanted):
            statement = select(Chunk).where(Chunk.id.in_(some)).options(selectinload(Chunk.document))
            found.update((chunk.id, chunk) for chunk in self._session.scalars(statement))
        return [found[chunk_id] for chunk_id in wanted if chunk_id in found]

    def texts(self, ids: Sequence[int] | NDArray[np.int64]) -> Iterator[list[tuple[int, str, str]]]:
        """Id, title and text of these chunks, a few hundred at a time, in no particular order.

        Ids that are gone are passed over.
        """
        for some in batches([int(chunk_id) for chunk_id in ids]):
            statement = select(Chunk.id, Chunk.title, Chunk.text).where(Chunk.id.in_(some))
            yield [(row.id, row.title, row.text) for row in self._session.execute(statement)]

    def around(self, chunks: Sequence[Chunk], window: int) -> Sequence[Chunk]:
        """These chunks' neighbours in their documents, ``window`` positions to either side, they themselves
        among them; each once, in no particular order, with its ``document`` as in `get`.
        """
        found: dict[int, Chunk] = {}
        for some in batches(chunks, PARAMETERS // 3):
            places = [
                and_(
                    Chunk.document_id == chunk.document_id,
                    Chunk.position.between(chunk.position - window, chunk.position + window),
                )
                for chunk in some
            ]
            statement = select(Chunk).where(or_(*places)).options(selectinload(Chunk.document))
            found.update((chunk.id, chunk) for chunk in self._session.scalars(statement))
        return list(found.values())

    def source(self, chunk: Chunk, start: int, end: int) -> str:
        """``text[start:end]`` of the chunk's document; shorter where the document's text is."""
        piece = func.substr(Document.text, start + 1, end - start)
        return self._session.scalar(select(piece).where(Document.id == chunk.document_id)) or ""

    def vectors(
        self, collection: Collection, ids: Sequence[int] | NDArray[np.int64] | None = None, batch: int = 1000
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Ids and vectors, at most ``batch`` at a time: shapes ``(n,)`` and ``(n, dimension)``.

        Without ``ids``: all of the collection, ascending. With ``ids``: those, in the order asked;
        ids that are gone or of another collection are passed over.
        Raises `DatabaseDamaged` where a stored vector has not the collection's dimension.
        """
        pages = self._all(collection, batch) if ids is None else self._some(collection, ids, batch)
        for page in pages:
            if page:
                found, data = zip(*page, strict=True)
                yield np.array(found, dtype=np.int64), unpack_vectors(data, collection.dimension)

    def _all(self, collection: Collection, batch: int) -> Iterator[list[tuple[int, bytes]]]:
        statement = (
            select(Vector.chunk_id, Vector.data)
            .join(Chunk, Chunk.id == Vector.chunk_id)
            .where(Chunk.collection_id == collection.id)
            .order_by(Chunk.id)
            .limit(batch)
        )
        last = 0
        while True:
            rows = self._session.execute(statement.where(Chunk.id > last))
            page = [(row.chunk_id, row.data) for row in rows]
            yield page
            if len(page) < batch:
                return
            last = page[-1][0]

    def _some(
        self, collection: Collection, ids: Sequence[int] | NDArray[np.int64], batch: int
    ) -> Iterator[list[tuple[int, bytes]]]:
        for some in batches([int(chunk_id) for chunk_id in ids], min(batch, PARAMETERS)):
            statement = (
                select(Vector.chunk_id, Vector.data)
                .join(Chunk, Chunk.id == Vector.chunk_id)
                .where(Chunk.collection_id == collection.id, Chunk.id.in_(some))
            )
            found = {row.chunk_id: row.data for row in self._session.execute(statement)}
            yield [(chunk_id, found[chunk_id]) for chunk_id in some if chunk_id in found]
