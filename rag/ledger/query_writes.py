"""The ledger's rows as they are written: opened before the work begins, closed once."""

from __future__ import annotations

import math
import operator
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from typing import Any

from sqlalchemy import Connection, Integer, Table, bindparam, insert, select, update
from sqlalchemy.orm import Session

from ...errors import InvalidInput
from .errors import QueryFinished, UnknownQuery
from .tables import KINDS, OUTCOMES, Kind, Outcome, Query
from .types import FiniteFloat, Money, nano_dollars, utc_now

__all__ = ["NewQuery", "QueryWrites"]

_installed_version = cache(version)
# What a row is about does not change once it is opened.
_FIXED = {"id", "created_at", "kind", "question", "version"}
_TABLE: Table = Query.__table__  # type: ignore[assignment]
_COLUMNS = {column.key: column.type for column in Query.__mapper__.columns}
# Plain statements, made once, with values as parameters: a unit of work takes three times as long,
# for every query.
_START = insert(_TABLE)
# Tests and writes: of two that finish the same row, one fails.
_FINISH = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("finished_id"), _TABLE.c.outcome == "started")
    .returning(_TABLE.c.id)
)
_THERE = select(_TABLE.c.id).where(_TABLE.c.id == bindparam("wanted_id"))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewQuery:
    """What is known of a query when it arrives; everything else is NULL until `QueryWrites.finish`.

    Prices are in US dollars per million tokens. ``version`` is the installed Tersus's.
    """

    kind: Kind
    question: str
    collection: str | None = None
    compressor: str | None = None
    budget: str | None = None
    top_k: int | None = None
    search: str | None = None
    key_id: str | None = None
    key_name: str | None = None
    request_id: str | None = None
    endpoint: str | None = None
    tokenizer: str | None = None
    model: str | None = None
    price_model: str | None = None
    price_date: date | None = None
    input_price: Decimal | None = None
    cached_price: Decimal | None = None
    output_price: Decimal | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created_at: datetime = field(default_factory=utc_now)
    version: str = field(default_factory=lambda: _installed_version("tersus"))


class QueryWrites:
    """Two plain statements within the caller's transaction, which a session or a bare connection holds.

    `start` and `finish` belong in two transactions, so that a query that is killed in between
    leaves its row, with outcome "started".
    """

    def __init__(self, connection: Connection | Session) -> None:
        self._connection = connection

    def start(self, record: NewQuery) -> str:
        """Open a row with outcome "started" and return its id.

        Raises `InvalidInput` for an unknown kind, NaN or infinity.
        """
        if record.kind not in KINDS:
            raise InvalidInput(f"{record.kind!r} is no kind of query", hint=f"use one of {', '.join(KINDS)}")
        given = {item.name: getattr(record, item.name) for item in fields(record)}
        self._connection.execute(_START, {**_checked(given), "outcome": "started"})
        return record.id

    def finish(self, query_id: str, *, outcome: Outcome, **values: Any) -> None:
        """Close a row: ``outcome`` and any columns but the id, time, kind, question and version.

        ``finished_at`` is now, unless given. ``tokens_saved`` and ``net_cost_saved`` follow from the
        other columns and are filled in where those are known.
        Raises `InvalidInput` (unknown column, NaN, infinity, figures that contradict each other),
        `UnknownQuery` and `QueryFinished`.
        """
        if outcome not in OUTCOMES or outcome == "started":
            raise InvalidInput(
                f"{outcome!r} is no outcome of a finished query", hint=f"use one of {', '.join(OUTCOMES[1:])}"
            )
        wrong = sorted(values.keys() - (_COLUMNS.keys() - _FIXED))
        if wrong:
            raise InvalidInput(
                f"finish cannot set {', '.join(wrong)}", hint="see the columns of the queries table"
            )
        row = {"finished_at": utc_now(), **_checked(values), "outcome": outcome}
        _derive(row)
        if self._connection.scalar(_FINISH, {**row, "finished_id": query_id}) is not None:
            return
        if self._connection.scalar(_THERE, {"wanted_id": query_id}) is None:
            raise UnknownQuery(f"the ledger holds no query {query_id!r}", hint="start it first")
        raise QueryFinished(
            f"query {query_id} is finished already", hint="a row is closed once; start a new one"
        )


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as plain Python numbers, or `InvalidInput`: SQLite would store any type in any column."""
    return {name: _checked_one(name, value) for name, value in values.items()}


def _checked_one(name: str, value: Any) -> Any:
    kind = _COLUMNS[name]
    if value is None:
        return None
    try:
        if isinstance(kind, Integer):
            return operator.index(value)
        if isinstance(kind, FiniteFloat):
            value = float(value)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"{name} must be a number, not {value!r}", hint="use None where it is unknown"
        ) from error
    if isinstance(kind, FiniteFloat) and not math.isfinite(value):
        raise InvalidInput(f"{name} is {value}", hint="use None where it was not measured")
    if isinstance(kind, Money):
        nano_dollars(value)
    return value


def _derive(row: dict[str, Any]) -> None:
    """Fill in what follows from other columns; raise `InvalidInput` where it was given and differs."""
    before, after = row.get("tokens_before"), row.get("tokens_after")
    if before is not None and after is not None:
        _settle(row, "tokens_saved", before - after)
    cost, overhead = row.get("cost_saved"), row.get("overhead_cost")
    if cost is not None and overhead is not None:
        # In whole nano-dollars, as they are stored: rounding the difference could give another one.
        difference = nano_dollars(cost) - nano_dollars(overhead)
        given = row.get("net_cost_saved")
        if given is None or abs(nano_dollars(given) - difference) <= 1:
            row["net_cost_saved"] = Decimal(difference).scaleb(-9)
        else:
            _settle(row, "net_cost_saved", Decimal(difference).scaleb(-9))


def _settle(row: dict[str, Any], name: str, value: Any) -> None:
    if row.get(name) not in (None, value):
        raise InvalidInput(
            f"{name} is given as {row[name]}, but follows as {value}", hint="leave it out; it is filled in"
        )
    row[name] = value
