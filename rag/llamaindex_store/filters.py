"""LlamaIndex's metadata filters as Tersus's own, and in Python where those have no such operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from ..ledger.new_node import document_key
from ..ledger.node_fields import chunk_fields
from ..ledger.tables import Collection
from ..search.filter_sql import CLUSTER, RESERVED, matching_ids
from ..search.filters import And, Filter, In, InvalidFilter, Not, Or, Range, Value, matches
from .errors import UnsupportedQuery

__all__ = ["document_filter", "filtered_ids", "to_filter"]

Predicate: TypeAlias = Callable[[Mapping[str, Any]], bool]
Part: TypeAlias = Filter | Predicate

_DOCUMENT = "document_id"
_DOCUMENT_NAMES = {"doc_id", "ref_doc_id", "document_id"}
"""Names under which vector stores of LlamaIndex let one ask for a node's source document."""
_BOUNDS = {
    FilterOperator.GT: "gt", FilterOperator.GTE: "gte", FilterOperator.LT: "lt", FilterOperator.LTE: "lte",
}  # fmt: skip


def filtered_ids(
    session: Session, collection: Collection, wanted: MetadataFilters | None
) -> NDArray[np.int64] | None:
    """Ids of the chunks that match, ascending; None where nothing is asked.

    What SQL can decide it decides; where an operator is left (contains, any, all, text_match, is_empty),
    the metadata of the chunks that SQL lets through are read and looked at.

    Raises:
        InvalidFilter, UnsupportedQuery: a value or an operator that means nothing here.
    """
    part = _any(wanted) if wanted is not None else And(())
    if part == And(()):
        return None
    parts = part.parts if isinstance(part, _Both) else (part,)
    by_sql = [one for one in parts if isinstance(one, Filter)]
    by_python = [_predicate(one) for one in parts if not isinstance(one, Filter)]
    ids = matching_ids(session, collection, And(tuple(by_sql))) if by_sql else None
    if not by_python:
        return ids
    fields = chunk_fields(session, collection, ids)
    left = [chunk_id for chunk_id, values in fields if all(holds(values) for holds in by_python)]
    return np.sort(np.array(left, dtype=np.int64))


def to_filter(wanted: MetadataFilters) -> Filter:
    """The same as a filter of `tersus.rag.search.filters`.

    Raises:
        UnsupportedQuery: it has an operator or a field that those do not know, which is named.
    """
    part = _any(wanted)
    if not isinstance(part, Filter):
        raise UnsupportedQuery(
            f"{', '.join(sorted(_foreign(wanted)))} cannot be searched for here",
            hint="use ==, !=, in, nin, >, >=, <, <=, or a TersusVectorStore, which knows all operators",
        )
    return part


def document_filter(doc_ids: list[str]) -> Filter:
    """The chunks of these documents; of none where there are none."""
    return In(_DOCUMENT, tuple(document_key(doc_id) for doc_id in doc_ids))


class _Both:
    """Parts that must all hold, of which Python decides at least one."""

    def __init__(self, parts: tuple[Part, ...]) -> None:
        self.parts = parts

    def __call__(self, values: Mapping[str, Any]) -> bool:
        return all(_predicate(part)(values) for part in self.parts)


def _any(wanted: MetadataFilters | MetadataFilter) -> Part:
    if isinstance(wanted, MetadataFilter):
        return _one(wanted)
    parts = tuple(_any(one) for one in wanted.filters)
    condition = wanted.condition or FilterCondition.AND
    if not parts:  # as LlamaIndex has it, whatever the condition
        return And(())
    pure = tuple(part for part in parts if isinstance(part, Filter))
    if condition == FilterCondition.AND:
        return And(pure) if len(pure) == len(parts) else _Both(parts)
    if len(pure) == len(parts):
        return Or(pure) if condition == FilterCondition.OR else Not(Or(pure))
    holds = [_predicate(part) for part in parts]
    if condition == FilterCondition.OR:
        return lambda values: any(one(values) for one in holds)
    return lambda values: not any(one(values) for one in holds)


def _predicate(part: Part) -> Predicate:
    if isinstance(part, Filter):
        pure = part
        return lambda values: matches(pure, values)
    return part


def _one(wanted: MetadataFilter) -> Part:
    key = _DOCUMENT if wanted.key in _DOCUMENT_NAMES else wanted.key
    pure = _pure(key, wanted)
    if pure is None:
        return _python(key, wanted)
    if key in {*RESERVED, CLUSTER} - {_DOCUMENT}:
        return _predicate(pure)  # the node's own metadata are meant, not Tersus's field of that name
    return pure


def _pure(key: str, wanted: MetadataFilter) -> Filter | None:
    """The filter in Tersus's terms, or None where they have no word for it."""
    operator, value = wanted.operator, wanted.value
    if operator in (FilterOperator.EQ, FilterOperator.NE) and not isinstance(value, list):
        same = In(key, _equal(key, _given(wanted)))
        return same if operator == FilterOperator.EQ else Not(same)
    if operator in (FilterOperator.IN, FilterOperator.NIN):
        one_of = In(key, tuple(same for one in _list(wanted) for same in _equal(key, one)))
        return one_of if operator == FilterOperator.IN else Not(one_of)
    if operator in _BOUNDS:
        bound = _given(wanted)
        if isinstance(bound, list):
            raise InvalidFilter(f"{wanted.key!r} {operator.value} takes one value", hint="give no list")
        return Range(key, **{_BOUNDS[operator]: bound})
    return None


def _equal(key: str, value: Any) -> tuple[Value, ...]:
    """The values that Python calls equal: LlamaIndex has no booleans, and finds true by 1."""
    if key == _DOCUMENT and isinstance(value, str):
        return (document_key(value),)
    if not isinstance(value, str) and value in (0, 1):
        return (value, bool(value))
    return (value,)


def _python(key: str, wanted: MetadataFilter) -> Predicate:
    operator, value = wanted.operator, wanted.value
    if operator == FilterOperator.IS_EMPTY:
        return lambda values: values.get(key) in (None, "", [])
    if operator in (FilterOperator.EQ, FilterOperator.NE):
        return lambda values: (values.get(key) == value) is (operator == FilterOperator.EQ)
    if operator == FilterOperator.CONTAINS:
        given = _given(wanted)
        return lambda values: _holds(values.get(key), given)
    if operator in (FilterOperator.ANY, FilterOperator.ALL):
        several, test = _list(wanted), any if operator == FilterOperator.ANY else all
        return lambda values: (
            values.get(key) is not None and test(_holds(values[key], one) for one in several)
        )
    if operator in (FilterOperator.TEXT_MATCH, FilterOperator.TEXT_MATCH_INSENSITIVE):
        if not isinstance(value, str):
            raise InvalidFilter(f"{wanted.key!r} {operator.value} takes text", hint="give a string")
        fold = str.lower if operator == FilterOperator.TEXT_MATCH_INSENSITIVE else str
        sought = fold(value)
        return lambda values: isinstance(values.get(key), str) and sought in fold(values[key])
    raise UnsupportedQuery(
        f"the filter operator {operator.value!r} is unknown", hint="ask for it with an issue"
    )


def _holds(stored: Any, value: Any) -> bool:
    """Whether a stored list has the value, or a stored text has it as a part."""
    if isinstance(stored, str):
        return isinstance(value, str) and value in stored
    return isinstance(stored, (list, dict)) and value in stored


def _given(wanted: MetadataFilter) -> Any:
    if wanted.value is None:
        raise InvalidFilter(
            f"{wanted.key!r} {wanted.operator.value} has no value",
            hint="to find what is not there use the operator is_empty",
        )
    return wanted.value


def _list(wanted: MetadataFilter) -> list[Any]:
    if not isinstance(wanted.value, list):
        raise InvalidFilter(
            f"{wanted.key!r} {wanted.operator.value} takes a list", hint="put the value into a list"
        )
    return wanted.value


def _foreign(wanted: MetadataFilters | MetadataFilter) -> set[str]:
    if isinstance(wanted, MetadataFilters):
        return {name for one in wanted.filters for name in _foreign(one)}
    if isinstance(_one(wanted), Filter):
        return set()
    return {f"{wanted.key!r} {wanted.operator.value}"}
