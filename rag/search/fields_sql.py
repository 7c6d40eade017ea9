"""One field of a filter in SQL: the same meaning on SQLite and PostgreSQL as `filters.matches` has."""

from __future__ import annotations

import json
import math
import operator
import re
import sqlite3
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Protocol

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Double,
    Integer,
    Numeric,
    Text,
    case,
    cast,
    false,
    func,
    literal,
    select,
)

from ..ledger.json_functions import COMPARE, GET
from .filters import Value, kind_of

__all__ = ["FieldSql", "IntegerField", "JsonField", "TextField", "json_value"]

_OPERATORS: dict[str, Any] = {
    "gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le,
}  # fmt: skip
_INT64 = 2**63
# SQLite compares the raw text of a quoted key: what JSON escapes inside it needs the function of ours.
_PLAIN_KEY = re.compile(r'[^"\\\x00-\x1f]+')
_ARROW = sqlite3.sqlite_version_info >= (3, 38)


class FieldSql(Protocol):
    """Conditions on one field, each true or false and never NULL, so that NOT means what it says."""

    def any_of(self, values: Sequence[Value]) -> ColumnElement[bool]:
        """The field equals one of ``values``."""

    def bounded(self, name: str, bound: Value) -> ColumnElement[bool]:
        """The field is ``gt``, ``gte``, ``lt`` or ``lte`` a bound of the same kind."""


def json_value(column: ColumnElement[Any], key: str, dialect: str) -> ColumnElement[Any]:
    """The JSON of an object's value, of the database's type for it; NULL where it has no such key."""
    if dialect != "sqlite":
        return column.op("->")(literal(key, Text))
    if _ARROW and _PLAIN_KEY.fullmatch(key):
        return column.op("->")(literal(f'$."{key}"', Text))
    found: ColumnElement[Any] = getattr(func, GET)(column, literal(key, Text))
    return found


class JsonField:
    """A value whose column holds the text of its JSON, or NULL.

    The ledger writes JSON in one way only, so that equal values have equal texts; a number has two, of an
    integer and of a float. Order needs the value itself, and exactly: 2**53 + 1 is more than 2.0**53.
    """

    def __init__(self, column: ColumnElement[Any], dialect: str) -> None:
        self._text = column
        self._sqlite = dialect == "sqlite"

    def any_of(self, values: Sequence[Value]) -> ColumnElement[bool]:
        """See :class:`FieldSql`."""
        return _in(self._text, [text for value in values for text in _texts(value)], self._sqlite)

    def bounded(self, name: str, bound: Value) -> ColumnElement[bool]:
        """See :class:`FieldSql`."""
        first = func.substr(self._text, 1, 1)
        if isinstance(bound, str):
            return case((first == '"', self._string(name, bound)), else_=false())
        return case((first.in_([*"-0123456789"]), self._number(name, bound)), else_=false())

    def _string(self, name: str, bound: str) -> ColumnElement[bool]:
        if self._sqlite:
            return _compared(name, func.json_extract(self._text, "$"), literal(bound, Text))
        decoded = cast("[" + self._text + "]", JSON).op("->>", return_type=Text())(literal(0, Integer))
        return _compared(name, decoded.collate("C"), literal(bound, Text))

    def _number(self, name: str, bound: float) -> ColumnElement[bool]:
        if self._sqlite:
            compared = getattr(func, COMPARE)(self._text, json.dumps(bound))
            return _compared(name, compared, literal(0))
        exact = cast(literal(format(Decimal(bound), "f"), Text), Numeric)
        integer = _compared(name, cast(self._text, Numeric), exact)
        return case((self._text.op("~")("[.eE]"), self._float(name, bound)), else_=integer)

    def _float(self, name: str, bound: float) -> ColumnElement[bool]:
        """A stored float against a bound that may be an integer between two floats, or beyond all."""
        try:
            near = float(bound)
        except OverflowError:
            near = math.inf if bound > 0 else -math.inf
        if near != bound:  # floats above an integer in between are those from the next float on
            lower = name in ("gt", "gte")
            name = ("gte" if lower else "lt") if near > bound else ("gt" if lower else "lte")
        return _compared(name, cast(self._text, Double), cast(literal(repr(near), Text), Double))


class TextField:
    """A text column; NULL matches nothing."""

    def __init__(self, column: ColumnElement[Any], dialect: str) -> None:
        self._column = column
        self._sqlite = dialect == "sqlite"

    def any_of(self, values: Sequence[Value]) -> ColumnElement[bool]:
        """See :class:`FieldSql`."""
        return _in(self._column, [value for value in values if isinstance(value, str)], self._sqlite)

    def bounded(self, name: str, bound: Value) -> ColumnElement[bool]:
        """See :class:`FieldSql`."""
        if not isinstance(bound, str):
            return false()
        column = self._column if self._sqlite else self._column.collate("C")
        return func.coalesce(_compared(name, column, literal(bound, Text)), false())


class IntegerField:
    """A column of 64-bit integers; NULL matches nothing."""

    def __init__(self, column: ColumnElement[Any], dialect: str) -> None:
        self._column = column
        self._sqlite = dialect == "sqlite"

    def any_of(self, values: Sequence[Value]) -> ColumnElement[bool]:
        """See :class:`FieldSql`."""
        numbers = [value for value in values if kind_of(value) == "number"]
        whole = [int(number) for number in numbers if number == int(number)]
        texts = [str(number) for number in whole if -_INT64 <= number < _INT64]
        return _in(cast(self._column, Text), texts, self._sqlite)

    def bounded(self, name: str, bound: Value) -> ColumnElement[bool]:
        """See :class:`FieldSql`."""
        if isinstance(bound, str):
            return false()
        # On integers: more than 1.5 is at least 2, less than 1.5 is at most 1.
        low, high = math.floor(bound), math.ceil(bound)
        least = {"gt": low + 1, "gte": high}.get(name, -_INT64)
        most = {"lt": high - 1, "lte": low}.get(name, _INT64 - 1)
        if least >= _INT64 or most < -_INT64:
            return false()
        first = literal(max(least, -_INT64), BigInteger)
        last = literal(min(most, _INT64 - 1), BigInteger)
        return func.coalesce(self._column.between(first, last), false())


def _texts(value: Value) -> list[str]:
    """The JSON of all stored values that equal ``value``."""
    if kind_of(value) != "number":
        return [json.dumps(value, ensure_ascii=False)]
    number: Any = value
    texts = [str(int(number))] if number == int(number) else []
    try:
        wide = float(number)
    except OverflowError:
        return texts
    return texts + ([repr(wide)] if wide == number else []) + (["-0.0"] if number == 0 else [])


def _in(column: ColumnElement[Any], texts: Sequence[str], sqlite: bool) -> ColumnElement[bool]:
    """Whether the column is among ``texts``, which are one parameter however many they are."""
    packed = literal(json.dumps(texts, ensure_ascii=False), Text)
    unpacked = func.json_each(packed) if sqlite else func.json_array_elements_text(cast(packed, JSON))
    table = unpacked.table_valued("value")
    return func.coalesce(column.in_(select(table.c.value)), false())


def _compared(name: str, left: ColumnElement[Any], right: ColumnElement[Any]) -> ColumnElement[bool]:
    compared: ColumnElement[bool] = _OPERATORS[name](left, right)
    return compared
