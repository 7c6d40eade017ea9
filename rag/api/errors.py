"""The one form of every error."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ERRORS", "ErrorBody", "ErrorDetail", "errors"]


class ErrorDetail(BaseModel):
    """What went wrong; ``code`` is stable, the rest is for people."""

    code: str = Field(examples=["unknown_collection"])
    message: str = Field(examples=["there is no collection 'docs'"])
    hint: str | None = Field(default=None, examples=["see: GET /v1/collections"])
    request_id: str | None = Field(default=None, description="Under which the service's log says more.")


class ErrorBody(BaseModel):
    """Every answer with a status of 400 and more."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "error": {
                    "code": "unknown_collection",
                    "message": "there is no collection 'docs'",
                    "hint": "see: GET /v1/collections",
                    "request_id": "5f0c2a4e8d1b4f7c9a3e6b2d8c1f0a7e",
                }
            }
        }
    )

    error: ErrorDetail


_SAY = {
    400: "The request cannot be read.",
    401: "No valid API key.",
    402: "The key's monthly budget does not cover the request.",
    403: "The key may not do this.",
    404: "There is no such thing.",
    405: "The path does not take this method.",
    409: "Against the present state.",
    413: "The body is longer than the service takes.",
    422: "Invalid input.",
    429: "The service is busy: ask again after Retry-After seconds.",
    500: "The service failed.",
    502: "The language model failed.",
    503: "The service cannot answer now: database, model or shutdown.",
    504: "Not done in time.",
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """FastAPI's ``responses`` for these statuses, and for those that any request may meet."""
    wanted = sorted({400, 401, 403, 413, 422, 429, 500, 503, *statuses})
    return {status: {"model": ErrorBody, "description": _SAY[status]} for status in wanted}


ERRORS = errors(402, 404, 409, 502, 504)
"""All of them."""
