"""Retrieve, compress, query: requests and answers."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ..failopen import Context
from ..results import QueryResult
from .budget import BudgetIn
from .passages import GivenPassage, PassageOut, RetrievedPassage
from .search import SearchIn

__all__ = [
    "CompressRequest",
    "CompressResponse",
    "ContextEvent",
    "QueryRequest",
    "QueryResponse",
    "RetrieveRequest",
    "RetrieveResponse",
    "SecondsOut",
    "StageOut",
    "UsageOut",
]

Name = Annotated[str, Field(min_length=1, max_length=200)]
Question = Annotated[str, Field(max_length=100_000)]
TopK = Annotated[int, Field(ge=1, le=1000)]


class RetrieveRequest(BaseModel):
    """What to look for, and where."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"query": "Who built the lighthouse?", "collection": "docs", "top_k": 5}
        },
    )

    query: Question
    collection: Name
    top_k: TopK | None = None
    search: SearchIn | None = None


class RetrieveResponse(BaseModel):
    """The passages, best first; none where filter and least score leave none."""

    passages: list[RetrievedPassage]
    seconds: float


class CompressRequest(BaseModel):
    """Passages that the caller brings; no collection is needed."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "query": "Who built the lighthouse?",
                "passages": [
                    "The lighthouse was built in 1887 by Astrid Holm. Its tower is white. Gulls nest there."
                ],
                "compressor": "exit",
                "budget": {"ratio": 0.4},
            }
        },
    )

    query: Question | None = Field(default=None, description="What the text is to answer; some need none.")
    passages: list[GivenPassage] = Field(min_length=1)
    compressor: Name | None = Field(default=None, description="See GET /v1/compressors.")
    budget: BudgetIn | None = None


class QueryRequest(BaseModel):
    """A question to a collection."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "query": "Who built the lighthouse?", "collection": "docs", "budget": {"ratio": 0.25},
            }
        },
    )  # fmt: skip

    query: Question
    collection: Name
    compressor: Name | None = Field(default=None, description="See GET /v1/compressors.")
    budget: BudgetIn | None = None
    top_k: TopK | None = None
    search: SearchIn | None = None
    compress: bool = Field(default=True, description="False sends the original context.")
    context_only: bool = Field(default=False, description="Stop before the language model.")
    stream: bool = Field(default=False, description="Answer as server-sent events.")


class SecondsOut(BaseModel):
    """Wall time of each step; null where it was not taken."""

    retrieve: float | None = None
    compress: float | None = None
    llm: float | None = None
    total: float | None = None


class StageOut(BaseModel):
    """One stage of a chain of compressors."""

    compressor: str
    tokens_before: int
    tokens_after: int
    seconds: float
    reason: str | None = None


class UsageOut(BaseModel):
    """Tokens as the language model's provider counted them; null where it did not say."""

    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None


class CompressResponse(BaseModel):
    """The context, and what it saved; the ledger holds the same under ``id``."""

    id: str
    outcome: str = Field(description="compressed, bypassed (all was to stay), fell_back (see reason).")
    reason: str | None
    compressor: str | None
    budget: str | None
    tokenizer: str
    tokens_before: int
    tokens_after: int
    tokens_saved: int
    kept: float = Field(description="tokens_after / tokens_before.")
    cost_saved: str | None = Field(description="US dollars, as a decimal; null where no price is known.")
    overhead_tokens: int = Field(description="Spent on compression by a language model.")
    context: str
    passages: list[PassageOut]
    stages: list[StageOut]
    seconds: SecondsOut

    @classmethod
    def of(cls, result: QueryResult) -> CompressResponse:
        """From a result of the pipeline."""
        return cls(**_common(result))


class ContextEvent(BaseModel):
    """What a stream says before the answer: the context that is sent, under the row's id."""

    id: str
    outcome: str
    reason: str | None
    tokens_before: int
    tokens_after: int
    context: str
    passages: list[PassageOut]

    @classmethod
    def of(cls, query_id: str, context: Context) -> ContextEvent:
        """From the pipeline's context."""
        return cls(
            id=query_id,
            outcome=context.outcome,
            reason=context.reason,
            tokens_before=context.tokens_before,
            tokens_after=context.tokens_after,
            context=context.text,
            passages=[PassageOut.of(n, p, retrieved=True) for n, p in enumerate(context.passages)],
        )


class QueryResponse(CompressResponse):
    """The answer, and the account of its context."""

    question: str
    collection: str | None
    answer: str | None
    model: str | None
    prompt_tokens: int | None = Field(description="Our own count of the whole prompt.")
    usage: UsageOut

    @classmethod
    def of(cls, result: QueryResult) -> QueryResponse:
        """From a result of the pipeline."""
        usage = result.usage
        return cls(
            **_common(result),
            question=result.question,
            collection=result.collection,
            answer=result.answer,
            model=result.model,
            prompt_tokens=result.prompt_tokens,
            usage=UsageOut(
                prompt_tokens=usage.prompt_tokens,
                cached_tokens=usage.cached_tokens,
                completion_tokens=usage.completion_tokens,
            ),
        )


def _common(result: QueryResult) -> dict[str, Any]:
    retrieved = result.collection is not None
    seconds = result.seconds
    return {
        "id": result.id,
        "outcome": result.outcome,
        "reason": result.reason,
        "compressor": result.compressor,
        "budget": result.budget,
        "tokenizer": result.tokenizer,
        "tokens_before": result.tokens_before,
        "tokens_after": result.tokens_after,
        "tokens_saved": result.tokens_saved,
        "kept": result.kept,
        "cost_saved": None if result.cost_saved is None else f"{result.cost_saved:f}",
        "overhead_tokens": result.overhead_tokens,
        "context": result.context,
        "passages": [PassageOut.of(n, p, retrieved=retrieved) for n, p in enumerate(result.passages)],
        "stages": [
            StageOut(
                compressor=s.compressor,
                tokens_before=s.tokens_before,
                tokens_after=s.tokens_after,
                seconds=s.seconds,
                reason=s.reason,
            )
            for s in result.stages
        ],
        "seconds": SecondsOut(
            retrieve=seconds.retrieve, compress=seconds.compress, llm=seconds.llm, total=seconds.total
        ),
    }
