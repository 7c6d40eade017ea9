"""How much a compressor may keep, as JSON."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ...compressors import Budget

__all__ = ["BudgetIn"]


class BudgetIn(BaseModel):
    """One of ``ratio``, ``max_tokens``, ``risk`` and ``adaptive``."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"ratio": 0.25}, "maxProperties": 1}
    )

    ratio: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None, description="Share of the tokens to keep."
    )
    max_tokens: Annotated[int, Field(ge=1, lt=2**31)] | None = Field(
        default=None, description="Most tokens of context."
    )
    risk: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=None, description="Share of questions that may lose their answer; needs a calibration."
    )
    adaptive: bool | None = Field(default=None, description="The compressor's own threshold.")

    @model_validator(mode="after")
    def _one(self) -> BudgetIn:
        given = self.model_dump(exclude_none=True)
        if len(given) > 1:
            raise ValueError(f"give one of {', '.join(given)}")
        return self

    def budget(self) -> Budget:
        """The budget as the pipeline takes it."""
        values: dict[str, Any] = self.model_dump(exclude_none=True)
        return Budget(**values)
