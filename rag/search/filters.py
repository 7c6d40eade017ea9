"""Filters over the fields of passages: what they say, and what they mean.

>>> from tersus.rag.search.filters import matches, parse_filter
>>> recent = parse_filter(
...     {"and": [{"field": "lang", "equals": "en"}, {"field": "year", "gte": 2020}]}
... )
>>> matches(recent, {"lang": "en", "year": 2024}), matches(recent, {"lang": "en"})
(True, False)
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from ...errors import InvalidInput
from ..ledger.text import safe_text

__all__ = [
    "And",
    "Equals",
    "Filter",
    "In",
    "InvalidFilter",
    "Not",
    "Or",
    "Range",
    "Value",
    "check_size",
    "kind_of",
    "matches",
    "parse_filter",
]

Value: TypeAlias = str | int | float | bool

MAX_DEPTH = 64
"""Filters nested deeper are refused."""
MAX_PARTS = 500
"""Filters with more parts are refused: databases bound the length of an expression."""


class InvalidFilter(InvalidInput):
    """The filter cannot be understood, or compares what has no order."""

    code = "invalid_filter"


@dataclass(frozen=True, slots=True)
class Equals:
    """The field has this value. Kinds are not mixed: ``1`` equals ``1.0``, but neither ``"1"`` nor true."""

    field: str
    value: Value

    def __post_init__(self) -> None:
        _set(self, field=_name(self.field), value=_value(self.value, self.field))


@dataclass(frozen=True, slots=True)
class In:
    """The field has one of these values; with none of them nothing matches."""

    field: str
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.values, (list, tuple, set, frozenset)):
            raise InvalidFilter(
                f"the values for {self.field!r} are {_short(self.values)}", hint="give a list of values"
            )
        _set(self, field=_name(self.field), values=tuple(_value(value, self.field) for value in self.values))


@dataclass(frozen=True, slots=True)
class Range:
    """The field lies within these bounds, which are all numbers or all strings.

    Strings are ordered by code points: dates as ``2024-01-31`` are in order, words of a language are not.
    """

    field: str
    gt: float | int | str | None = None
    gte: float | int | str | None = None
    lt: float | int | str | None = None
    lte: float | int | str | None = None

    def __post_init__(self) -> None:
        bounds = {name: _value(bound, self.field) for name, bound in self.bounds()}
        kinds = {kind_of(bound) for bound in bounds.values()}
        if not bounds:
            raise InvalidFilter(f"the range of {self.field!r} has no bound", hint="give gt, gte, lt or lte")
        if "boolean" in kinds or len(kinds) > 1:
            raise InvalidFilter(
                f"the bounds of {self.field!r} are {', '.join(map(repr, bounds.values()))}",
                hint="give numbers only, or strings only",
            )
        _set(self, field=_name(self.field), **bounds)

    def bounds(self) -> Iterator[tuple[str, float | int | str]]:
        """The bounds that are given, by name: ``gt``, ``gte``, ``lt``, ``lte``."""
        for name in ("gt", "gte", "lt", "lte"):
            if (bound := getattr(self, name)) is not None:
                yield name, bound


@dataclass(frozen=True, slots=True)
class And:
    """All of these hold; without parts everything matches."""

    parts: tuple[Filter, ...]

    def __post_init__(self) -> None:
        _set(self, parts=_parts(self.parts))


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of these holds; without parts nothing matches."""

    parts: tuple[Filter, ...]

    def __post_init__(self) -> None:
        _set(self, parts=_parts(self.parts))


@dataclass(frozen=True, slots=True)
class Not:
    """This does not hold; so also where the field is absent."""

    part: Filter

    def __post_init__(self) -> None:
        _parts((self.part,))


Filter: TypeAlias = Equals | In | Range | And | Or | Not


def matches(wanted: Filter, values: Mapping[str, Any]) -> bool:
    """Whether a passage with these fields is meant; the reference that SQL is tested against.

    A field that is absent, None, a list or an object matches nothing (``Not`` over it does).
    """
    match wanted:
        case Equals(field, value):
            return _same(values.get(field), value)
        case In(field, several):
            return any(_same(values.get(field), value) for value in several)
        case Range(field):
            return all(_within(values.get(field), name, bound) for name, bound in wanted.bounds())
        case And(parts):
            return all(matches(part, values) for part in parts)
        case Or(parts):
            return any(matches(part, values) for part in parts)
        case Not(part):
            return not matches(part, values)


def kind_of(value: object) -> str | None:
    """``"boolean"``, ``"number"`` or ``"string"``; None for what no filter compares with."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return "string" if isinstance(value, str) else None


def parse_filter(data: Any) -> Filter:
    """A filter from JSON, as `json.loads` gives it.

    ``{"field": "lang", "equals": "en"}``, ``{"field": "lang", "in": ["en", "de"]}``,
    ``{"field": "year", "gte": 2020, "lt": 2025}``, ``{"and": [...]}``, ``{"or": [...]}``, ``{"not": {...}}``.

    Raises:
        InvalidFilter: saying what is wrong, and what a filter looks like.
    """
    parsed = _parse(data, 1)
    check_size(parsed)
    return parsed


def check_size(wanted: Filter) -> None:
    """Raises InvalidFilter where a filter is nested too deeply or has too many parts for a database."""
    waiting, parts = [(wanted, 1)], 0
    while waiting:
        one, depth = waiting.pop()
        parts += 1
        if depth > MAX_DEPTH:
            raise _too_deep()
        if parts > MAX_PARTS:
            raise InvalidFilter(
                f"the filter has more than {MAX_PARTS} parts",
                hint='many values of one field are one part: {"field": "id", "in": [...]}',
            )
        if isinstance(one, (And, Or)):
            waiting.extend((part, depth + 1) for part in one.parts)
        elif isinstance(one, Not):
            waiting.append((one.part, depth + 1))


_MAX_BITS = 14_000  # 4,214 digits; Python writes integers of up to 4,300 as JSON
_EXAMPLE = 'such as {"field": "lang", "equals": "en"}; also in, gt, gte, lt, lte, and, or, not'
_BOUNDS = tuple(bound.name for bound in fields(Range) if bound.name != "field")


def _parse(data: Any, depth: int) -> Filter:
    if depth > MAX_DEPTH:
        raise _too_deep()
    if not isinstance(data, Mapping):
        raise InvalidFilter(f"a filter is an object, not {_short(data)}", hint=_EXAMPLE)
    keys = set(data)
    for name, kind in (("and", And), ("or", Or)):
        if keys == {name}:
            if not isinstance(data[name], (list, tuple)):
                raise InvalidFilter(f"{name!r} takes a list of filters", hint=_EXAMPLE)
            return kind(tuple(_parse(part, depth + 1) for part in data[name]))
    if keys == {"not"}:
        return Not(_parse(data["not"], depth + 1))
    if keys == {"field", "equals"}:
        return Equals(data["field"], data["equals"])
    if keys == {"field", "in"}:
        return In(data["field"], data["in"])
    if "field" in keys and keys & set(_BOUNDS) and keys <= {"field", *_BOUNDS}:
        return Range(data["field"], **{name: data[name] for name in _BOUNDS if name in data})
    raise InvalidFilter(f"{_short(dict(data))} is no filter", hint=_EXAMPLE)


def _too_deep() -> InvalidFilter:
    return InvalidFilter(f"the filter is nested more than {MAX_DEPTH} deep", hint="flatten it")


def _short(value: object) -> str:
    return reprlib.repr(value)  # also of what is nested without end


def _set(part: Any, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(part, name, value)


def _name(field: object) -> str:
    if not isinstance(field, str):
        raise InvalidFilter(f"the field is {_short(field)}", hint="name a field of the metadata, as text")
    return safe_text(field)  # as the ledger stores it


def _value(value: Any, field: object) -> Any:
    kind = kind_of(value)
    if kind is None or (isinstance(value, float) and not math.isfinite(value)):
        raise InvalidFilter(
            f"{field!r} cannot be compared with {_short(value)}",
            hint="use text, finite numbers, true or false",
        )
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        raise InvalidFilter(
            f"the number for {field!r} has too many digits", hint="no stored number has as many"
        )
    return safe_text(value) if kind == "string" else value


def _parts(parts: Any) -> tuple[Filter, ...]:
    if not isinstance(parts, (list, tuple)) or not all(isinstance(part, Filter) for part in parts):
        raise InvalidFilter(f"{_short(parts)} are not filters", hint="use parse_filter for JSON")
    return tuple(parts)


def _same(stored: Any, value: Value) -> bool:
    return kind_of(stored) == kind_of(value) and bool(stored == value)


def _within(stored: Any, name: str, bound: Any) -> bool:
    if kind_of(stored) != kind_of(bound):
        return False
    return bool(
        {"gt": stored > bound, "gte": stored >= bound, "lt": stored < bound, "lte": stored <= bound}[name]
    )
