"""The drop-in's requests and answers, as far as Tersus reads them: everything else passes through."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ChatCompletion", "ChatMessageIn", "ChatRequest", "ModelList", "ModelOut"]


class ChatMessageIn(BaseModel):
    """A message as OpenAI's API has it."""

    model_config = ConfigDict(extra="allow")

    role: str = Field(min_length=1, max_length=100)
    content: str | list[dict[str, Any]] | None = None


class ChatRequest(BaseModel):
    """A request as OpenAI's API has it; fields that are not named here are passed on as they are."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "model": "tersus/docs/gpt-4o-mini",
                "messages": [{"role": "user", "content": "Who built the lighthouse?"}],
            }
        },
    )

    model: str = Field(
        max_length=500,
        description="`tersus/<collection>/<model>` retrieves from the collection, a mere model does not.",
    )
    messages: list[ChatMessageIn] = Field(min_length=1)
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    max_tokens: int | None = Field(default=None, ge=1, lt=2**31)
    max_completion_tokens: int | None = Field(default=None, ge=1, lt=2**31)
    n: int | None = Field(default=None, ge=1, le=128)


class ChatCompletion(BaseModel):
    """The upstream's response as it came."""

    model_config = ConfigDict(extra="allow")

    choices: list[dict[str, Any]]


class ModelOut(BaseModel):
    """A model that can be asked for."""

    model_config = ConfigDict(extra="allow")

    id: str
    object: str = "model"
    created: int = 0
    owned_by: str = "tersus"


class ModelList(BaseModel):
    """The models, in OpenAI's form."""

    object: str = "list"
    data: list[ModelOut]
