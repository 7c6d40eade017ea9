"""The fields of chunks that filters look at, for filters that only Python can decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from .batches import batches
from .new_node import NODES_MEDIA_TYPE, is_alone
from .tables import Chunk, Collection, Document

__all__ = ["chunk_fields"]

_PAGE = 2000


def chunk_fields(
    session: Session, collection: Collection, ids: Sequence[int] | NDArray[np.int64] | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Chunk id and fields of all chunks of the collection, or of those ``ids`` that are in it.

    The fields are the chunk's metadata, then its document's; ``document_title`` of an ingested document
    where neither has it, and ``document_id``, which is None where a node names no document.
    """
    statement = (
        select(Chunk.id, Chunk.meta, Document.meta, Document.title, Document.external_id, Document.media_type)
        .join(Document, Document.id == Chunk.document_id)
        .where(Chunk.collection_id == collection.id)
    )
    pages = _all(session, statement) if ids is None else _some(session, statement, ids)
    for page in pages:
        for chunk_id, meta, document_meta, title, external_id, media_type in page:
            fields = {} if media_type == NODES_MEDIA_TYPE else {"document_title": title}
            fields.update({**(document_meta or {}), **(meta or {})})
            fields["document_id"] = None if is_alone(external_id) else external_id
            yield chunk_id, fields


def _all(session: Session, statement: Select[Any]) -> Iterator[Sequence[Any]]:
    last = 0
    while True:
        page = session.execute(statement.where(Chunk.id > last).order_by(Chunk.id).limit(_PAGE)).all()
        yield page
        if len(page) < _PAGE:
            return
        last = page[-1][0]


def _some(
    session: Session, statement: Select[Any], ids: Sequence[int] | NDArray[np.int64]
) -> Iterator[Sequence[Any]]:
    for some in batches([int(chunk_id) for chunk_id in ids]):
        yield session.execute(statement.where(Chunk.id.in_(some)).order_by(Chunk.id)).all()
