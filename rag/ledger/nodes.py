"""LlamaIndex nodes as chunks: written one by one under their documents, whose other chunks stay."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from ...errors import InvalidInput
from .batches import batches
from .collections import CollectionRepository
from .new_node import NODES_MEDIA_TYPE, NewNode, node_key
from .node_documents import NodeDocument, load_documents
from .node_table import NodeRow
from .tables import Chunk, Collection, Document, Vector
from .types import utc_now
from .vectors import pack_vector

__all__ = ["NodeRepository"]


class NodeRepository:
    """Nodes within the caller's transaction; nothing here commits."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._collections = CollectionRepository(session)

    def put(self, collection: Collection, nodes: Iterable[NewNode]) -> int:
        """Store nodes; one whose id is there already takes the old one's place, under a new chunk id.

        Returns how many were written: a node that is there just so is left alone. Of several with one id
        the last counts. Safe where two writers do the same at once.
        Raises `InvalidInput` for vectors of another dimension, NaN or infinity, and for a document that
        was not made of nodes; `UnknownCollection`.
        """
        wanted = {node_key(node.node_id): node for node in nodes}
        vectors = {key: pack_vector(node.vector, collection.dimension) for key, node in wanted.items()}
        if not wanted:
            return 0
        self._collections.lock(collection)
        replaced = []
        for key, (chunk_id, *stored) in self._stored(collection, list(wanted)).items():
            if stored == [wanted[key].content, wanted[key].text, vectors[key]]:
                del wanted[key]
            else:
                replaced.append(chunk_id)
        if not wanted:
            return 0
        sequence = self._collections.advance(collection)
        touched = self._delete_chunks(collection, replaced)
        documents = load_documents(
            self._session, collection, touched, {node.document: node.title for node in wanted.values()}
        )
        self._insert(collection, documents, wanted, vectors)
        self._settle(documents.values(), sequence)
        return len(wanted)

    def delete(self, collection: Collection, chunk_ids: Sequence[int] | NDArray[np.int64]) -> int:
        """Delete chunks, and documents of which nothing is left; returns how many chunks. Unknown ids pass.

        Raises `InvalidInput` where only a part of an ingested document would go: to ingest it again would
        not bring that part back.
        """
        self._collections.lock(collection)
        touched = self._delete_chunks(collection, chunk_ids)
        if touched:
            sequence = self._collections.advance(collection)
            self._settle(load_documents(self._session, collection, touched, {}).values(), sequence)
        return sum(touched.values())

    def clear(self, collection: Collection) -> int:
        """Delete all documents of the collection; returns how many."""
        self._collections.lock(collection)
        statement = delete(Document).where(Document.collection_id == collection.id)
        deleted = len(self._session.scalars(statement.returning(Document.id)).all())
        if deleted:
            self._collections.advance(collection)
        return deleted

    def chunk_ids(self, collection: Collection, node_ids: Iterable[str]) -> dict[str, int]:
        """The chunk of each node, by node id; those that are not there are left out."""
        keys = {node_key(node_id): node_id for node_id in node_ids}
        found: dict[str, int] = {}
        for some in batches(list(keys)):
            statement = select(NodeRow.key, NodeRow.chunk_id).where(
                NodeRow.collection_id == collection.id, NodeRow.key.in_(some)
            )
            found.update((keys[row.key], row.chunk_id) for row in self._session.execute(statement))
        return found

    def contents(self, chunk_ids: Sequence[int]) -> dict[int, tuple[str, str]]:
        """``content`` and text of each chunk that is a node, by chunk id."""
        found: dict[int, tuple[str, str]] = {}
        for some in batches(chunk_ids):
            statement = (
                select(NodeRow.chunk_id, NodeRow.content, Chunk.text)
                .join(Chunk, Chunk.id == NodeRow.chunk_id)
                .where(NodeRow.chunk_id.in_(some))
            )
            found.update((row.chunk_id, (row.content, row.text)) for row in self._session.execute(statement))
        return found

    def _stored(self, collection: Collection, keys: Sequence[str]) -> dict[str, tuple[int, str, str, bytes]]:
        """Chunk id, content, text and vector of the nodes that are there, by key."""
        found: dict[str, tuple[int, str, str, bytes]] = {}
        for some in batches(keys):
            statement = (
                select(NodeRow.key, NodeRow.chunk_id, NodeRow.content, Chunk.text, Vector.data)
                .join(Chunk, Chunk.id == NodeRow.chunk_id)
                .join(Vector, Vector.chunk_id == NodeRow.chunk_id)
                .where(NodeRow.collection_id == collection.id, NodeRow.key.in_(some))
            )
            for row in self._session.execute(statement):
                found[row.key] = (row.chunk_id, row.content, row.text, row.data)
        return found

    def _delete_chunks(
        self, collection: Collection, chunk_ids: Sequence[int] | NDArray[np.int64]
    ) -> dict[int, int]:
        """How many chunks each document lost, by the document's id."""
        lost: dict[int, int] = {}
        for some in batches([int(chunk_id) for chunk_id in chunk_ids]):
            statement = delete(Chunk).where(Chunk.collection_id == collection.id, Chunk.id.in_(some))
            for document_id in self._session.scalars(statement.returning(Chunk.document_id)):
                lost[document_id] = lost.get(document_id, 0) + 1
        return lost

    def _insert(
        self,
        collection: Collection,
        documents: Mapping[str, NodeDocument],
        nodes: Mapping[str, NewNode],
        vectors: Mapping[str, bytes],
    ) -> None:
        for document in documents.values():
            self._session.add(document.row)
        self._session.flush()
        rows, keys = [], {}
        for key, node in nodes.items():
            document = documents[node.document]
            start, position = document.place(node)
            keys[document.row.id, position] = key
            rows.append(
                {
                    "document_id": document.row.id,
                    "collection_id": collection.id,
                    "position": position,
                    "start": start,
                    "end": start + len(node.text),
                    "title": node.title,
                    "text": node.text,
                    "meta": dict(node.meta),
                }
            )
        inserted = self._session.execute(
            insert(Chunk).returning(Chunk.document_id, Chunk.position, Chunk.id), rows
        )
        # Databases may return inserted rows in any order; document and position say which is which.
        ids = {keys[row.document_id, row.position]: row.id for row in inserted}
        self._session.execute(insert(Vector), [{"chunk_id": ids[key], "data": vectors[key]} for key in nodes])
        self._session.execute(
            insert(NodeRow),
            [
                {
                    "chunk_id": ids[key],
                    "collection_id": collection.id,
                    "key": key,
                    "content": node.content,
                }
                for key, node in nodes.items()
            ],
        )

    def _settle(self, documents: Iterable[NodeDocument], sequence: int) -> None:
        """Bring the documents' rows level with their chunks; those without any go."""
        for document in documents:
            row = document.row
            if document.is_empty:
                self._session.delete(row)
                continue
            if row.media_type != NODES_MEDIA_TYPE:
                raise InvalidInput(
                    f"{row.external_id!r} was ingested: its chunks come and go together",
                    hint="delete the whole document, or give the nodes another ref_doc_id or collection",
                )
            row.text = document.text
            row.size_bytes = len(row.text.encode())
            # It changes with every write, and no content that is ingested has it.
            row.content_hash = hashlib.sha256(f"nodes {sequence}\n{row.text}".encode()).hexdigest()
            row.updated_at = utc_now()
            row.sequence = sequence
        self._session.flush()
