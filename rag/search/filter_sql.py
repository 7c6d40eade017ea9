"""From a filter to the chunks that it means, in SQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Text, and_, cast, func, not_, or_, select
from sqlalchemy.orm import Session

from ..clusters import cluster_table
from ..ledger.tables import Chunk, Collection, Document
from .fields_sql import FieldSql, IntegerField, JsonField, TextField, json_value
from .filters import And, Equals, Filter, In, Not, Or, Range, check_size

__all__ = ["CLUSTER", "RESERVED", "Reserved", "matching_ids"]

CLUSTER = "cluster"
"""The reserved field of the number of a chunk's cluster (`tersus.rag.clusters`)."""

Reserved: TypeAlias = tuple[type[TextField] | type[IntegerField], Callable[[], ColumnElement[Any]]]
"""The kind of a reserved field, and its column, which may name ``Chunk`` and ``Document``."""

RESERVED: dict[str, Reserved] = {
    "document_id": (TextField, lambda: Document.external_id.expression),
    "document_title": (TextField, lambda: Document.title.expression),
}
"""Fields that are no metadata; they win over metadata of the same name, and so does `CLUSTER`."""


def matching_ids(session: Session, collection: Collection, wanted: Filter) -> NDArray[np.int64]:
    """The ids of the collection's chunks that match, ascending; shape ``(matching,)``.

    A field is a key of the chunk's metadata, else of its document's, or one of `RESERVED`, or `CLUSTER`,
    which new chunks have, too. One pass over the collection's chunks: no index of SQL helps, and JSON is
    read anew for each.

    Raises:
        NoClusters: the filter asks for a cluster, and the clusters were not built.
        InvalidFilter: nested too deeply, or too long for one statement.
    """
    check_size(wanted)
    dialect = session.get_bind().dialect.name
    names = sorted(_fields(wanted))
    clusters = cluster_table(session, collection) if CLUSTER in names else None
    columns = [
        (_column(name, dialect) if clusters is None or name != CLUSTER else clusters.c.number).label(
            f"field_{place}"
        )
        for place, name in enumerate(names)
    ]
    # The fields are read in a query of their own, so that conditions do not repeat how.
    rows = select(Chunk.id, *columns).join(Document, Document.id == Chunk.document_id)
    if clusters is not None:
        rows = rows.outerjoin(clusters, clusters.c.chunk_id == Chunk.id)
    inner = rows.where(Chunk.collection_id == collection.id).subquery()
    fields = {name: _field(name)(inner.c[f"field_{place}"], dialect) for place, name in enumerate(names)}
    statement = select(inner.c.id).where(_condition(wanted, fields)).order_by(inner.c.id)
    return np.fromiter(session.scalars(statement), dtype=np.int64)


def _fields(wanted: Filter) -> set[str]:
    if isinstance(wanted, (And, Or)):
        return {name for part in wanted.parts for name in _fields(part)}
    return _fields(wanted.part) if isinstance(wanted, Not) else {wanted.field}


def _field(name: str) -> Callable[[ColumnElement[Any], str], FieldSql]:
    if name == CLUSTER:
        return IntegerField
    return RESERVED[name][0] if name in RESERVED else JsonField


def _column(name: str, dialect: str) -> ColumnElement[Any]:
    if name in RESERVED:
        return RESERVED[name][1]()
    # A key whose value is null is there, and hides the document's.
    own = json_value(Chunk.meta.expression, name, dialect)
    found = func.coalesce(own, json_value(Document.meta.expression, name, dialect))
    return found if dialect == "sqlite" else cast(found, Text)


def _condition(wanted: Filter, fields: dict[str, FieldSql]) -> ColumnElement[bool]:
    match wanted:
        case Equals(field, value):
            return fields[field].any_of([value])
        case In(field, values):
            return fields[field].any_of(values)
        case Range(field):
            return and_(*(fields[field].bounded(name, bound) for name, bound in wanted.bounds()))
        case And(parts):
            return and_(True, *(_condition(part, fields) for part in parts))
        case Or(parts):
            return or_(False, *(_condition(part, fields) for part in parts))
        case Not(part):
            return not_(_condition(part, fields))
