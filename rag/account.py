"""One row a query: opened before money is spent, closed once, whatever happened."""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ..compressors import CompressedPassage, counter_name
from ..errors import TersusError
from .failopen import Context
from .ledger import Database, NewQuery, QueryWrites
from .ledger.origin import current_origin
from .ledger.redaction import LedgerText, redacted
from .llm import Usage
from .prices import Price, cost_of_saved, find_price
from .settings import Settings

__all__ = ["Account", "price_of"]

log = logging.getLogger(__name__)


def price_of(settings: Settings, model: str) -> tuple[str, Price | None]:
    """Whose price values the tokens saved, and that price."""
    name = settings.price_model or model
    return name, find_price(name, settings.prices)


@dataclass(slots=True)
class Account:
    """The open row of one query. ``seconds`` gathers what each step took."""

    database: Database
    id: str
    price: Price | None
    started: float = field(default_factory=time.perf_counter)
    seconds: dict[str, float] = field(default_factory=dict)
    known: dict[str, Any] = field(default_factory=dict)
    text: LedgerText = "full"
    failed: bool = False
    opening: Future[None] | None = None

    @classmethod
    def open(
        cls, database: Database, settings: Settings, model: str, counter: Any, question: str, **about: Any
    ) -> Account:
        """Write the row, so that a process that dies leaves a trace; raises what the database raises.

        Who asked, by which door, comes from ``current_origin``.
        """
        account, record = cls._new(database, settings, model, counter, question, about)
        with database.transaction() as connection:
            QueryWrites(connection).start(record)
        return account

    @classmethod
    def begin(
        cls, database: Database, settings: Settings, model: str, counter: Any, question: str, **about: Any
    ) -> Account:
        """As `open`, while the row is still being written; closing it waits for that, and so does `opened`.

        For work that costs nothing but time: before anything is paid for, the row must be there.
        """
        account, record = cls._new(database, settings, model, counter, question, about)
        account.opening = database.write_soon(lambda connection: QueryWrites(connection).start(record))
        return account

    @classmethod
    def _new(
        cls,
        database: Database,
        settings: Settings,
        model: str,
        counter: Any,
        question: str,
        about: dict[str, Any],
    ) -> tuple[Account, NewQuery]:
        origin = current_origin.get()
        price_model, price = price_of(settings, model)
        record = NewQuery(
            model=model,
            tokenizer=counter_name(counter),
            price_model=price_model if price else None,
            price_date=price.as_of if price else None,
            input_price=price.input if price else None,
            cached_price=price.cached if price else None,
            output_price=price.output if price else None,
            question=redacted(question, settings.ledger_text),
            key_id=origin.key_id,
            key_name=origin.key_name,
            request_id=origin.request_id,
            endpoint=origin.endpoint,
            **about,
        )
        return cls(database, record.id, price, text=settings.ledger_text), record

    def opened(self) -> None:
        """Wait until the row is written; raises what the database raised."""
        if self.opening is not None:
            self.opening.result()

    def note(self, context: Context) -> None:
        """Remember what was sent; written when the row is closed, also if the model fails."""
        self.known |= {
            "tokens_before": context.tokens_before,
            "tokens_after": context.tokens_after,
            "reason": context.reason,
            "error_code": context.error_code,
            "passages_retrieved": len(context.passages),
            "passages_kept": sum(1 for p in context.passages if p.text),
            "passages": [self._passage(p) for p in context.passages],
        }

    def _passage(self, passage: CompressedPassage) -> dict[str, Any]:
        source = passage.source
        rewritten = passage.kept is None
        return {
            "id": source.id,
            "document": source.document_id,
            "offset": source.offset,
            "title": redacted(source.title, self.text),
            "text": redacted(source.text, self.text),
            "kept": None
            if passage.kept is None
            else [{"start": s.start, "end": s.end, "score": s.score} for s in passage.kept],
            **({"sent": redacted(passage.text, self.text)} if rewritten else {}),
            "sources": [sentence.passages for sentence in passage.sentences],
        }

    def note_usage(self, usage: Usage) -> None:
        """Remember what the provider counted; written also where its answer cannot be used."""
        self.known |= {
            "provider_prompt_tokens": usage.prompt_tokens,
            "provider_cached_tokens": usage.cached_tokens,
            "provider_completion_tokens": usage.completion_tokens,
        }

    def cost_saved(self, context: Context, usage: Usage) -> Decimal | None:
        """USD that the removed tokens would have cost; None where no price is known."""
        if self.price is None:
            return None
        return cost_of_saved(
            context.tokens_before - context.tokens_after,
            self.price,
            prompt_tokens=usage.prompt_tokens,
            cached_tokens=usage.cached_tokens,
        )

    def close(self, context: Context, usage: Usage, answer: str | None, **more: Any) -> Decimal | None:
        """Close the row of a query that was answered; returns the cost saved."""
        cost = self.cost_saved(context, usage)
        self.note_usage(usage)
        self._finish(
            outcome=context.outcome,
            answer=None if answer is None else redacted(answer, self.text),
            cost_saved=cost,
            # Which model a compressor asked, and at what price, is not known here: then neither is the cost.
            overhead_tokens=context.overhead_tokens,
            overhead_cost=None if context.overhead_tokens else Decimal(0),
            **more,
        )
        return cost

    def fail(self, error: BaseException) -> None:
        """Close the row of a query that failed; the error that failed it stays the one that is raised.

        A second call does nothing.
        """
        if self.failed:
            return
        self.failed = True
        if self.opening is not None and self.opening.exception() is not None:
            return  # there is no row
        code = error.code if isinstance(error, TersusError) else "error"
        # An error's words may quote what the ledger must not hold.
        text = (str(error) or type(error).__name__) if self.text == "full" else code
        try:
            self._finish(outcome="failed", **{"reason": text[:2000], "error_code": code})
        except TersusError:
            log.exception("row %s of the ledger could not be closed", self.id)

    def total(self) -> float:
        """Seconds since the row was opened."""
        return time.perf_counter() - self.started

    def _finish(self, **values: Any) -> None:
        self.opened()
        # A copy: a step that a cancelled task gave up may end, and be noted, at this very moment.
        timed = {f"{step}_seconds": taken for step, taken in dict(self.seconds).items()}
        with self.database.transaction() as connection:
            QueryWrites(connection).finish(
                self.id, **{**self.known, **timed, "total_seconds": self.total(), **values}
            )
