"""Documents: read them, and replace or delete them together with their chunks and vectors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session, undefer

from .batches import batches
from .collections import CollectionRepository
from .new_document import NewDocument
from .tables import Chunk, Collection, Document, Vector
from .text import safe_text
from .types import utc_now
from .vectors import pack_vector

__all__ = ["DocumentRepository", "Replaced"]

Replaced = Literal["added", "replaced", "unchanged"]


class DocumentRepository:
    """Documents within the caller's transaction; nothing here commits."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._collections = CollectionRepository(session)

    def get(self, collection: Collection, external_id: str) -> Document | None:
        """The document with its text, or None."""
        statement = select(Document).where(
            Document.collection_id == collection.id, Document.external_id == external_id
        )
        return self._session.scalar(
            statement.options(undefer(Document.text)).execution_options(populate_existing=True)
        )

    def list(
        self, collection: Collection, limit: int = 100, offset: int = 0, *, after: int = 0
    ) -> Sequence[Document]:
        """Documents in the order they were first added, without their texts; those behind id ``after``."""
        statement = select(Document).where(Document.collection_id == collection.id, Document.id > after)
        return self._session.scalars(statement.order_by(Document.id).limit(limit).offset(offset)).all()

    def hashes(self, collection: Collection) -> dict[str, str]:
        """The content hash of every document by its external id (as `safe_text` made it)."""
        statement = select(Document.external_id, Document.content_hash)
        rows = self._session.execute(statement.where(Document.collection_id == collection.id))
        return {row.external_id: row.content_hash for row in rows}

    def count(self, collection: Collection) -> int:
        """The number of documents."""
        statement = select(func.count()).where(Document.collection_id == collection.id)
        return self._session.scalar(statement) or 0

    def replace(self, collection: Collection, new: NewDocument) -> Replaced:
        """Store a document; where it is there already, put the new text, chunks and vectors in its place.

        With an equal content hash nothing is written. Otherwise the collection's sequence advances and
        the chunks get ids that were never used before. Safe where two writers do the same at once.
        Raises `InvalidInput` for vectors of another dimension, NaN or infinity, and `UnknownCollection`.
        """
        if self._stored_hash(collection, new.external_id) == new.content_hash:
            return "unchanged"
        vectors = [pack_vector(chunk.vector, collection.dimension) for chunk in new.chunks]
        # From here on writers of this collection go one by one; a faster one may have stored the same.
        self._collections.lock(collection)
        if self._stored_hash(collection, new.external_id) == new.content_hash:
            return "unchanged"
        sequence = self._collections.advance(collection)
        document = self.get(collection, new.external_id)
        outcome: Replaced = "added" if document is None else "replaced"
        if document is None:
            document = Document(collection_id=collection.id, external_id=new.external_id)
        else:
            self._session.execute(delete(Chunk).where(Chunk.document_id == document.id))
        document.title = new.title
        document.text = new.text
        document.content_hash = new.content_hash
        document.media_type = new.media_type
        document.size_bytes = new.size_bytes
        document.meta = dict(new.meta)
        document.updated_at = utc_now()
        document.sequence = sequence
        self._session.add(document)
        self._session.flush()
        self._insert_chunks(document, new, vectors)
        return outcome

    def delete(self, collection: Collection, external_ids: Iterable[str]) -> int:
        """Delete documents with their chunks and vectors; returns how many. Unknown ids are passed over."""
        wanted = sorted({safe_text(external_id) for external_id in external_ids})
        self._collections.lock(collection)
        deleted = 0
        for some in batches(wanted):
            statement = delete(Document).where(
                Document.collection_id == collection.id, Document.external_id.in_(some)
            )
            deleted += len(self._session.scalars(statement.returning(Document.id)).all())
        if deleted:
            self._collections.advance(collection)
        return deleted

    def _stored_hash(self, collection: Collection, external_id: str) -> str | None:
        return self._session.scalar(
            select(Document.content_hash).where(
                Document.collection_id == collection.id, Document.external_id == external_id
            )
        )

    def _insert_chunks(self, document: Document, new: NewDocument, vectors: Sequence[bytes]) -> None:
        if not new.chunks:
            return
        positions = new.positions()
        rows = [
            {
                "document_id": document.id,
                "collection_id": document.collection_id,
                "position": position,
                "start": chunk.start,
                "end": chunk.end,
                "title": chunk.title,
                "text": chunk.text,
                "meta": dict(chunk.meta),
            }
            for position, chunk in zip(positions, new.chunks, strict=True)
        ]
        inserted = self._session.execute(insert(Chunk).returning(Chunk.position, Chunk.id), rows)
        # Databases may return inserted rows in any order; the position says which is which.
        ids = {row.position: row.id for row in inserted}
        self._session.execute(
            insert(Vector),
            [
                {"chunk_id": ids[position], "data": data}
                for position, data in zip(positions, vectors, strict=True)
            ],
        )
