"""The ledger: one row a query, whatever happened to it, with what it saved and what that cost."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, get_args

from sqlalchemy import BigInteger, CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base
from .types import FiniteFloat, Money, SafeJson, SafeString, SafeText, UtcDateTime, utc_now

__all__ = ["KINDS", "OUTCOMES", "Kind", "Outcome", "Query"]

Kind = Literal["query", "compress", "shadow", "evaluation", "demo"]
Outcome = Literal["started", "compressed", "bypassed", "fell_back", "failed"]
KINDS: tuple[str, ...] = get_args(Kind)
OUTCOMES: tuple[str, ...] = get_args(Outcome)

_COUNTS = (
    "top_k", "passages_retrieved", "passages_kept", "tokens_before", "tokens_after", "prompt_tokens",
    "provider_prompt_tokens", "provider_cached_tokens", "provider_completion_tokens", "overhead_tokens",
    "input_price", "cached_price", "output_price", "overhead_cost",
    "retrieve_seconds", "compress_seconds", "llm_seconds", "total_seconds",
)  # fmt: skip


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class Query(Base):
    """One row of the account. NULL always means "not known" or "not measured", never zero.

    Token counts are the target model's; money is in US dollars (prices: per million tokens),
    times in seconds. A constraint passes where a part of it is NULL.
    """

    __tablename__ = "queries"
    __table_args__ = (
        _one_of("kind", KINDS),
        _one_of("outcome", OUTCOMES),
        CheckConstraint("(outcome = 'started') = (finished_at IS NULL)", name="finished"),
        CheckConstraint("tokens_saved = tokens_before - tokens_after", name="tokens_saved"),
        CheckConstraint("net_cost_saved = cost_saved - overhead_cost", name="net_cost_saved"),
        CheckConstraint(
            "outcome NOT IN ('bypassed', 'fell_back') OR (tokens_saved = 0 AND cost_saved = 0)",
            name="untouched",
        ),
        *(CheckConstraint(f"{column} >= 0", name=column) for column in _COUNTS),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, index=True)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(16))
    # The name, not a foreign key: deleting a collection must not erase its account.
    collection: Mapped[str | None] = mapped_column(SafeString(200))
    question: Mapped[str] = mapped_column(SafeText)
    answer: Mapped[str | None] = mapped_column(SafeText)

    compressor: Mapped[str | None] = mapped_column(SafeText)
    budget: Mapped[str | None] = mapped_column(SafeText)
    top_k: Mapped[int | None]
    passages_retrieved: Mapped[int | None]
    passages_kept: Mapped[int | None]
    passages: Mapped[list[dict[str, Any]] | None] = mapped_column(SafeJson)
    """For each passage retrieved ``{id, document, offset, title, text, kept: [{start, end, score}] | None,
    sent}``; ``sent`` only where it was rewritten. Texts and title as ``ledger_text`` has it."""

    tokens_before: Mapped[int | None] = mapped_column(BigInteger)
    tokens_after: Mapped[int | None] = mapped_column(BigInteger)
    tokens_saved: Mapped[int | None] = mapped_column(BigInteger)
    tokenizer: Mapped[str | None] = mapped_column(SafeText)
    prompt_tokens: Mapped[int | None] = mapped_column(BigInteger)
    """Our own count of the whole prompt that was sent."""
    provider_prompt_tokens: Mapped[int | None] = mapped_column(BigInteger)
    provider_cached_tokens: Mapped[int | None] = mapped_column(BigInteger)
    provider_completion_tokens: Mapped[int | None] = mapped_column(BigInteger)

    model: Mapped[str | None] = mapped_column(SafeText)
    price_model: Mapped[str | None] = mapped_column(SafeText)
    price_date: Mapped[date | None]
    input_price: Mapped[Decimal | None] = mapped_column(Money)
    cached_price: Mapped[Decimal | None] = mapped_column(Money)
    output_price: Mapped[Decimal | None] = mapped_column(Money)
    cost_saved: Mapped[Decimal | None] = mapped_column(Money)
    overhead_tokens: Mapped[int | None] = mapped_column(BigInteger)
    overhead_cost: Mapped[Decimal | None] = mapped_column(Money)
    net_cost_saved: Mapped[Decimal | None] = mapped_column(Money)

    retrieve_seconds: Mapped[float | None] = mapped_column(FiniteFloat)
    compress_seconds: Mapped[float | None] = mapped_column(FiniteFloat)
    llm_seconds: Mapped[float | None] = mapped_column(FiniteFloat)
    total_seconds: Mapped[float | None] = mapped_column(FiniteFloat)
    net_seconds_saved: Mapped[float | None] = mapped_column(FiniteFloat)

    outcome: Mapped[str] = mapped_column(String(16), default="started")
    reason: Mapped[str | None] = mapped_column(SafeText)
    error_code: Mapped[str | None] = mapped_column(SafeText)
    version: Mapped[str] = mapped_column(SafeText)
    """The version of Tersus that wrote the row."""

    search: Mapped[str | None] = mapped_column(String(16))
    """How the passages were found: dense, bm25, hybrid."""
    # Names and ids, not foreign keys: revoking or deleting a key must not erase its account.
    key_id: Mapped[str | None] = mapped_column(String(32), index=True)
    key_name: Mapped[str | None] = mapped_column(SafeString(200))
    request_id: Mapped[str | None] = mapped_column(SafeString(128))
    endpoint: Mapped[str | None] = mapped_column(SafeString(100))
    """The route of the API that was called; NULL from Python and the command line."""
