"""One row of the ledger: found by the beginning of its id, as JSON, and for people."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...errors import InvalidInput
from ...rag.ledger import QueryRepository
from ...rag.ledger.errors import UnknownQuery
from ...rag.ledger.tables import Query
from .figures import duration, money, share
from .output import arrow, clean, one_line, stdout

__all__ = ["find_row", "print_query", "query_dict"]

_ID_LENGTH = 32


def find_row(session: Session, beginning: str) -> Query:
    """The row whose id begins so.

    Raises:
        InvalidInput: several do, or it is no beginning of an id. UnknownQuery: none does.
    """
    wanted = beginning.strip().lower()
    if not re.fullmatch(rf"[0-9a-f]{{4,{_ID_LENGTH}}}", wanted):
        raise InvalidInput(
            f"{beginning!r} is no id of the ledger", hint="give 4 to 32 of its digits; see: tersus log"
        )
    found = [wanted]
    if len(wanted) < _ID_LENGTH:
        statement = select(Query.id).where(Query.id.startswith(wanted)).order_by(Query.id).limit(2)
        found = list(session.scalars(statement))
    if len(found) > 1:
        raise InvalidInput(f"several rows begin with {wanted}", hint="give more of the id")
    row = QueryRepository(session).get(found[0]) if found else None
    if row is None:
        raise UnknownQuery(f"the ledger holds no row {wanted}", hint="see: tersus log")
    return row


def query_dict(row: Query) -> dict[str, Any]:
    """All columns as JSON-ready values: times in ISO 8601, money as decimal strings, ``kept`` added."""
    values = {column.key: _ready(getattr(row, column.key)) for column in Query.__mapper__.columns}
    return {**values, "kept": _kept(row)}


def _ready(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else value


def _kept(row: Query) -> float | None:
    if not row.tokens_before or row.tokens_after is None:
        return None
    return row.tokens_after / row.tokens_before


def print_query(row: Query) -> None:
    """The row for people; what is not known is left out."""
    from rich.table import Table
    from rich.text import Text

    console = stdout()
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in _lines(row, arrow(console)):
        if value:
            grid.add_row(name, Text(clean(value)))
    console.print(grid)
    if row.passages:
        console.print()
        console.print("Passages", style="bold")
        for number, passage in enumerate(row.passages, 1):
            console.print(Text(f"{number:>2} {_passage_line(passage)}"), soft_wrap=True)


def _lines(row: Query, to: str) -> list[tuple[str, str]]:
    price = None if row.input_price is None else f"${row.input_price.normalize():f} per million tokens"
    provider = [
        f"{name} {count:,}"
        for name, count in (
            ("prompt", row.provider_prompt_tokens),
            ("cached", row.provider_cached_tokens),
            ("completion", row.provider_completion_tokens),
        )
        if count is not None
    ]
    took = [
        f"{name} {duration(seconds)}"
        for name, seconds in (
            ("retrieve", row.retrieve_seconds),
            ("compress", row.compress_seconds),
            ("llm", row.llm_seconds),
            ("total", row.total_seconds),
        )
        if seconds is not None
    ]
    tokens = ""
    if row.tokens_before is not None and row.tokens_after is not None:
        tokens = f"{row.tokens_before:,} {to} {row.tokens_after:,} ({share(_kept(row))} kept)"
    outcome = row.outcome + (f": {row.reason}" if row.reason else "")
    return [
        ("Id", row.id),
        ("Time", f"{row.created_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("Kind", row.kind),
        ("Collection", row.collection or ""),
        ("Search", row.search or ""),
        ("API key", row.key_name or ""),
        ("Request", " ".join(part for part in (row.endpoint, row.request_id) if part)),
        ("Question", row.question),
        ("Answer", row.answer or ""),
        ("Outcome", outcome + (f" [{row.error_code}]" if row.error_code else "")),
        ("Compressor", ", ".join(part for part in (row.compressor, row.budget) if part)),
        ("Tokens", tokens),
        ("Counted with", row.tokenizer or ""),
        ("Prompt tokens", "" if row.prompt_tokens is None else f"{row.prompt_tokens:,}"),
        ("Provider counted", ", ".join(provider)),
        ("Model", row.model or ""),
        ("Price", f"{price} ({row.price_model}, {row.price_date})" if price else "unknown"),
        ("Cost saved", "" if row.cost_saved is None else money(row.cost_saved)),
        ("Overhead", money(row.overhead_cost) if row.overhead_cost else ""),
        ("Net saved", money(row.net_cost_saved) if row.overhead_cost else ""),
        ("Took", ", ".join(took)),
        ("Seconds saved", "" if row.net_seconds_saved is None else f"{row.net_seconds_saved:.2f}"),
        ("Version", row.version),
    ]


def _passage_line(passage: dict[str, Any]) -> str:
    spans = passage.get("kept")
    if spans is None:
        state = "rewritten"
    elif not spans:
        state = "dropped"
    else:
        characters = sum(span["end"] - span["start"] for span in spans)
        state = f"{len(spans)} span{'s' if len(spans) > 1 else ''}, {characters:,} characters kept"
    parts = [passage.get("title") or "untitled", passage.get("document") or "", state]
    return one_line("  ".join(part for part in parts if part))
