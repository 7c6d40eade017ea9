"""Documents that nodes are added to or taken from, with the chunks that they have at the moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from .batches import batches
from .new_node import NODES_MEDIA_TYPE, NewNode
from .node_text import NodeText
from .tables import Chunk, Collection, Document

__all__ = ["NodeDocument", "load_documents"]


class NodeDocument:
    """A document's row, and its text as far as its chunks give it."""

    def __init__(self, row: Document, chunks: Iterable[tuple[int, int, str]] = ()) -> None:
        """``chunks``: position, start and text of each chunk that is there."""
        self.row = row
        there = list(chunks)
        self._text = NodeText((start, text) for _, start, text in there)
        self._next = max((position for position, _, _ in there), default=-1) + 1

    @property
    def is_empty(self) -> bool:
        """Whether no chunk is left."""
        return self._next == 0

    @property
    def text(self) -> str:
        """The text that the chunks' offsets count in."""
        return str(self._text)

    def place(self, node: NewNode) -> tuple[int, int]:
        """Take a node in; returns its offset in the text and its position."""
        position, self._next = self._next, self._next + 1
        return self._text.place(node.start, node.text), position


def load_documents(
    session: Session, collection: Collection, ids: Iterable[int], titles: Mapping[str, str]
) -> dict[str, NodeDocument]:
    """Documents by external id: those with these row ids, and those of ``titles``, made where missing.

    ``titles`` maps an external id to the title that a new document gets.
    """
    rows: dict[str, Document] = {}
    for some_ids in batches(list(ids)):
        found = session.scalars(select(Document).where(Document.id.in_(some_ids)))
        rows.update((row.external_id, row) for row in found)
    for some in batches([external_id for external_id in titles if external_id not in rows]):
        found = session.scalars(
            select(Document).where(Document.collection_id == collection.id, Document.external_id.in_(some))
        )
        rows.update((row.external_id, row) for row in found)
    chunks: dict[int, list[tuple[int, int, str]]] = {row.id: [] for row in rows.values()}
    for some_ids in batches(list(chunks)):
        statement = select(Chunk.document_id, Chunk.position, Chunk.start, Chunk.text)
        for row in session.execute(statement.where(Chunk.document_id.in_(some_ids))):
            chunks[row.document_id].append((row.position, row.start, row.text))
    documents = {key: NodeDocument(row, chunks[row.id]) for key, row in rows.items()}
    for external_id, title in titles.items():
        if external_id not in documents:
            documents[external_id] = NodeDocument(_new(collection, external_id, title))
    return documents


def _new(collection: Collection, external_id: str, title: str) -> Document:
    return Document(
        collection_id=collection.id,
        external_id=external_id,
        title=title,
        text="",
        content_hash="",
        media_type=NODES_MEDIA_TYPE,
        size_bytes=0,
        meta={},
        sequence=collection.sequence,
    )
