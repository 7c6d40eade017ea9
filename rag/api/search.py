"""What may be asked of a search, as JSON."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..search.options import MAX_WINDOW, SearchOptions

__all__ = ["SearchIn"]


class SearchIn(BaseModel):
    """How passages are found; everything by the service's settings where left out."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"mode": "hybrid", "window": 1}})

    mode: Literal["dense", "bm25", "hybrid"] | None = None
    filter: dict[str, Any] | None = Field(
        default=None,
        description='Over metadata: {"field": "lang", "equals": "en"}, "in", "gte" …, "and", "or", "not".',
    )
    min_score: Annotated[float, Field(ge=-1, le=1)] | None = Field(
        default=None, description="The least cosine between query and passage."
    )
    mmr: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="Maximal marginal relevance: 1 is relevance alone, 0 diversity alone."
    )
    window: Annotated[int, Field(ge=0, le=MAX_WINDOW)] = Field(
        default=0, description="Passages before and behind each hit that are joined to it."
    )

    def options(self) -> SearchOptions:
        """As the retriever takes them. Raises InvalidFilter."""
        return SearchOptions(
            mode=self.mode, filter=self.filter, min_score=self.min_score, mmr=self.mmr, window=self.window
        )
