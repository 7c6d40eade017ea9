"""A call as httpx takes it, and whether it is made again."""

from __future__ import annotations

from typing import Any

import httpx

from .calls import Call
from .errors import Unreachable
from .patience import AGAIN

__all__ = ["again", "arguments", "unreachable"]


def again(call: Call[Any], response: httpx.Response) -> bool:
    """Whether the call is worth another attempt after this answer."""
    return response.status_code == 429 or (call.repeatable and response.status_code in AGAIN)


def arguments(call: Call[Any]) -> dict[str, Any]:
    """For ``httpx.Client.request``."""
    body = call.json
    found: dict[str, Any] = {"params": call.params, "headers": dict(call.headers)}
    if body is not None:
        found["content"] = body.model_dump_json(exclude_none=True)
        found["headers"]["Content-Type"] = "application/json"
    if call.files is not None:
        found["files"] = call.files
    return found


def unreachable(error: httpx.HTTPError) -> Unreachable:
    """What kept the service from answering."""
    return Unreachable(
        f"the service does not answer: {type(error).__name__}: {error}", hint="is it running? tersus serve"
    )
