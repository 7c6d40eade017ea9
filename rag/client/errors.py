"""What the service says went wrong, and what kept it from saying anything."""

from __future__ import annotations

from typing import Any

import httpx

from ...errors import TersusError

__all__ = ["ApiError", "Unreachable", "check"]


class ApiError(TersusError):
    """An answer with a status of 400 or more; ``code`` is the service's own."""

    code = "api_error"

    def __init__(
        self, message: str, *, code: str, status: int, hint: str | None = None, request_id: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.status = status
        self.request_id = request_id


class Unreachable(TersusError):
    """The service did not answer, or something else than the service did."""

    code = "service_unreachable"


def check(response: httpx.Response) -> httpx.Response:
    """The response, if it is a good one. Raises ApiError."""
    if response.status_code < 400:
        return response
    try:
        found: Any = response.json()["error"]
        raise error_of(found, response.status_code)
    except (ValueError, KeyError, TypeError) as error:
        raise ApiError(
            f"status {response.status_code}", code="http_error", status=response.status_code
        ) from error


def error_of(found: Any, status: int) -> ApiError:
    """From the ``error`` of an answer or an event."""
    return ApiError(
        str(found["message"]), code=str(found["code"]), status=status, hint=found.get("hint"),
        request_id=found.get("request_id"),
    )  # fmt: skip
