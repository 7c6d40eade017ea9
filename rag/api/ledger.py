"""Rows of the ledger and what they sum up to."""

from __future__ import annotations

from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, PlainSerializer

from ..ledger.savings import SavingsReport
from ..ledger.savings import SavingsRow as _Sums
from ..ledger.tables import Query

__all__ = ["QueryList", "QueryRecord", "QuerySummary", "SavingsOut", "SavingsRowOut"]

USD = Annotated[
    Decimal,
    PlainSerializer(lambda value: f"{value:f}", return_type=str),
    Field(description="US dollars, as a decimal."),
]


class QuerySummary(BaseModel):
    """One row, without its texts but the question. Null: not known, or not measured."""

    id: str
    created_at: datetime
    finished_at: datetime | None
    kind: str
    collection: str | None
    question: str = Field(description="As `ledger_text` has it: in full, as a hash, or not at all.")
    compressor: str | None
    budget: str | None
    search: str | None
    model: str | None
    outcome: str = Field(description="started, compressed, bypassed, fell_back or failed.")
    reason: str | None
    error_code: str | None
    tokens_before: int | None
    tokens_after: int | None
    tokens_saved: int | None
    cost_saved: USD | None
    net_cost_saved: USD | None
    total_seconds: float | None
    key_name: str | None
    request_id: str | None
    endpoint: str | None

    @classmethod
    def of(cls, row: Query) -> Self:
        """From a row of the ledger."""
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class QueryRecord(QuerySummary):
    """One row, whole: what was retrieved, kept, dropped, sent, answered and saved."""

    answer: str | None
    top_k: int | None
    passages_retrieved: int | None
    passages_kept: int | None
    passages: list[dict[str, Any]] | None = Field(
        description="Of each id, document, offset, title, text, kept (spans; null where rewritten), sent."
    )
    tokenizer: str | None
    prompt_tokens: int | None
    provider_prompt_tokens: int | None
    provider_cached_tokens: int | None
    provider_completion_tokens: int | None
    price_model: str | None
    price_date: date | None
    input_price: USD | None = Field(description="Per million tokens.")
    cached_price: USD | None
    output_price: USD | None
    overhead_tokens: int | None
    overhead_cost: USD | None
    retrieve_seconds: float | None
    compress_seconds: float | None
    llm_seconds: float | None
    net_seconds_saved: float | None
    key_id: str | None
    version: str


class QueryList(BaseModel):
    """Rows, newest first; ``next`` is the ``before`` of the page that follows, null on the last."""

    queries: list[QuerySummary]
    next: str | None


class SavingsRowOut(BaseModel):
    """One group's sums; failed and unfinished queries are counted and save nothing."""

    key: str | None = Field(description="The day (UTC), or the name; null where there is none.")
    queries: int
    compressed: int
    bypassed: int
    fell_back: int
    failed: int
    unfinished: int
    unmeasured: int = Field(description="Answered, but a token count is missing.")
    unpriced: int = Field(description="Answered, but the money saved or the overhead is unknown.")
    tokens_before: int
    tokens_after: int
    tokens_saved: int
    kept: float | None
    cost_saved: USD
    overhead_cost: USD
    net_cost_saved: USD
    compress_seconds: float

    @classmethod
    def of(cls, row: _Sums) -> SavingsRowOut:
        """From the ledger's sums."""
        values = {item.name: getattr(row, item.name) for item in fields(row)}
        return cls(**values, tokens_saved=row.tokens_saved, kept=row.kept, net_cost_saved=row.net_cost_saved)


class SavingsOut(BaseModel):
    """What was saved: rows by the key asked for, and the total."""

    by: str | None
    since: datetime | None
    until: datetime | None
    kinds: list[str]
    collection: str | None
    rows: list[SavingsRowOut]
    total: SavingsRowOut

    @classmethod
    def of(cls, report: SavingsReport, kinds: list[str], collection: str | None) -> SavingsOut:
        """From the ledger's report."""
        return cls(
            by=report.by,
            since=report.since,
            until=report.until,
            kinds=kinds,
            collection=collection,
            rows=[SavingsRowOut.of(row) for row in report.rows],
            total=SavingsRowOut.of(report.total),
        )
