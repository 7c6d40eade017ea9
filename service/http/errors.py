"""One form for every error: ``{"error": {"code", "message", "hint", "request_id"}}``.

Messages of errors that the caller caused are passed on. Those of our own failures may hold paths or
addresses: they go to the log under the request's id, and the caller gets what the code means.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ...errors import InvalidInput, TersusError
from .request_id import request_id

__all__ = [
    "BodyTooLarge",
    "Forbidden",
    "TooMany",
    "error_body",
    "error_response",
    "install",
    "status_of",
    "unexpected",
]

log = logging.getLogger(__name__)


class Forbidden(TersusError):
    """The key may not do this."""

    code = "forbidden"


class BodyTooLarge(TersusError):
    """The request's body is longer than the service takes."""

    code = "body_too_large"


class TooMany(InvalidInput):
    """More passages or documents than one request may bring."""

    code = "too_many"


class UnknownModel(TersusError):
    """No model of that name is listed."""

    code = "unknown_model"


_STATUS = {
    "unauthorized": 401,
    "budget_exhausted": 402,
    "forbidden": 403,
    "unknown_collection": 404,
    "unknown_query": 404,
    "unknown_evaluation": 404,
    "unknown_document": 404,
    "unknown_job": 404,
    "unknown_run": 404,
    "unknown_model": 404,
    "unknown_compressor": 404,
    "nothing_found": 404,
    "collection_exists": 409,
    "collection_mismatch": 409,
    "collection_replaced": 409,
    "embedding_mismatch": 409,
    "empty_collection": 409,
    "calibration_missing": 409,
    "idempotency_in_progress": 409,
    "body_too_large": 413,
    "idempotency_conflict": 422,
    "overloaded": 429,
    "llm_busy": 429,
    "llm_refused": 400,
    "llm_failed": 502,
    "llm_timeout": 504,
    "time_limit": 504,
    "model_missing": 503,
    "tokenizer_missing": 503,
    "stopping": 503,
}
_MEANING = {
    502: "the language model failed",
    503: "the service cannot answer now",
    504: "the language model did not answer in time",
}
_PLAIN = {404: "not_found", 405: "method_not_allowed", 400: "bad_request", 413: "body_too_large"}


def status_of(error: TersusError) -> int:
    """The HTTP status of an error, by its stable code; its class decides where the code is not listed."""
    if error.code in _STATUS:
        return _STATUS[error.code]
    if isinstance(error, InvalidInput):
        return 422
    if error.code.startswith(("database_", "schema_", "disk_", "snapshot_")):
        return 503
    if error.code.startswith("file_") or error.code == "unsupported_query":
        return 422
    return 500


def error_body(error: TersusError) -> dict[str, object]:
    """The error as it is sent."""
    status = status_of(error)
    if status < 500:
        message, hint = _public(error.message), None if error.hint is None else _public(error.hint)
    else:
        message, hint = _MEANING.get(status, "the service failed"), "the log says more under the request's id"
    return _form(error.code, message, hint)


def error_response(error: TersusError) -> JSONResponse:
    """The answer to a request that ended in ``error``; what the caller cannot see is logged."""
    status = status_of(error)
    if status >= 500:
        log.error("%s: %s", error.code, error, exc_info=error if status == 500 else None)
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    after = getattr(error, "retry_after", None)
    if status in (429, 503):
        headers["Retry-After"] = str(max(1, round(after if after is not None else 1)))
    return JSONResponse(error_body(error), status, headers)


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` in our form."""

    @app.exception_handler(TersusError)
    async def _ours(_request: Request, error: TersusError) -> JSONResponse:
        return error_response(error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        # Where and why, not the input itself: it may be long, secret, or no valid Unicode.
        problems = "; ".join(
            f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors()[:10]
        )
        body = _form("invalid_request", _printable(problems), "see /docs for the request's form")
        return JSONResponse(body, 422)

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> JSONResponse:
        code = _PLAIN.get(error.status_code, "http_error")
        body = _form(code, _printable(str(error.detail)), None)
        return JSONResponse(body, error.status_code, dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def _any(_request: Request, error: Exception) -> JSONResponse:
        return JSONResponse(unexpected(error), 500)


def unexpected(error: Exception) -> dict[str, object]:
    """What is said of an error that is none of ours; the log has all of it."""
    log.error("unexpected %s", type(error).__name__, exc_info=error)
    return _form("internal_error", "the service failed", "the log says more under the request's id")


def _form(code: str, message: str, hint: str | None) -> dict[str, object]:
    return {"error": {"code": code, "message": message, "hint": hint, "request_id": request_id()}}


def _public(text: str) -> str:
    """The text without this machine's own folders."""
    for folder in (sys.prefix, str(Path.home()), str(Path.cwd())):
        if len(folder) > 1:
            text = text.replace(folder, "…")
    return _printable(text)


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
