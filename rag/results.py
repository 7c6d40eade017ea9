"""What a query returns: the answer, what it was made from, and what that saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from ..compressors import CompressedPassage, StageReport
from .llm import Usage

__all__ = ["QueryResult", "Seconds", "passage_dict"]


@dataclass(frozen=True, slots=True)
class Seconds:
    """Wall time of each step; None where the step was not taken."""

    retrieve: float | None = None
    compress: float | None = None
    llm: float | None = None
    total: float | None = None


@dataclass(frozen=True, slots=True)
class QueryResult:
    """One query's account; the ledger holds the same under ``id``.

    ``outcome``: ``compressed``, ``bypassed`` or ``fell_back``, with ``reason`` in words.
    Tokens count the context as rendered into the prompt; ``prompt_tokens`` the whole prompt.
    ``stages`` are those of a chain of compressors, each with its tokens and seconds; else there are none.
    ``overhead_tokens`` were spent on compression by a language model.
    ``cost_saved`` is in USD at ``price_model``'s input price; None where no price is known.
    """

    id: str
    question: str
    collection: str | None
    answer: str | None
    passages: Sequence[CompressedPassage]
    context: str
    tokens_before: int
    tokens_after: int
    tokenizer: str
    prompt_tokens: int | None
    outcome: str
    reason: str | None
    compressor: str | None
    budget: str | None
    model: str | None
    usage: Usage = field(default_factory=Usage)
    price_model: str | None = None
    input_price: Decimal | None = None
    cost_saved: Decimal | None = None
    seconds: Seconds = field(default_factory=Seconds)
    stages: Sequence[StageReport] = ()
    overhead_tokens: int = 0

    @property
    def tokens_saved(self) -> int:
        """``tokens_before - tokens_after``."""
        return self.tokens_before - self.tokens_after

    @property
    def kept(self) -> float:
        """``tokens_after / tokens_before``; 1.0 where there was nothing to remove."""
        return self.tokens_after / self.tokens_before if self.tokens_before else 1.0

    def to_dict(self) -> dict[str, Any]:
        """The account as JSON-ready values; money as decimal strings, spans as offsets into ``text``."""
        return {
            "id": self.id,
            "question": self.question,
            "collection": self.collection,
            "answer": self.answer,
            "outcome": self.outcome,
            "reason": self.reason,
            "compressor": self.compressor,
            "budget": self.budget,
            "model": self.model,
            "tokens_before": self.tokens_before,
            "tokens_after": self.tokens_after,
            "tokens_saved": self.tokens_saved,
            "kept": self.kept,
            "tokenizer": self.tokenizer,
            "prompt_tokens": self.prompt_tokens,
            "usage": asdict(self.usage),
            "price_model": self.price_model,
            "input_price": None if self.input_price is None else str(self.input_price),
            "cost_saved": None if self.cost_saved is None else f"{self.cost_saved:f}",
            "seconds": asdict(self.seconds),
            "stages": [asdict(stage) for stage in self.stages],
            "overhead_tokens": self.overhead_tokens,
            "context": self.context,
            "passages": [passage_dict(passage) for passage in self.passages],
        }


def passage_dict(passage: CompressedPassage) -> dict[str, Any]:
    """One passage: ``text`` is the source, ``kept`` slices it, ``sent`` is what was sent of it."""
    source = passage.source
    return {
        "id": source.id,
        "document": source.document_id,
        "title": source.title,
        "offset": source.offset,
        "score": source.score,
        "text": source.text,
        "kept": None if passage.kept is None else [asdict(span) for span in passage.kept],
        "sent": passage.text,
        "sources": [asdict(sentence) for sentence in passage.sentences],
        "metadata": dict(source.metadata),
    }
