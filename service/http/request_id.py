"""The id under which a request is answered, logged and recorded."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar

__all__ = ["accept", "current", "request_id"]

current: ContextVar[str | None] = ContextVar("tersus_request_id", default=None)

_FORM = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def accept(given: str | None) -> str:
    """The caller's ``X-Request-ID`` where it is a plain word, a new one otherwise."""
    return given if given and _FORM.fullmatch(given) else uuid.uuid4().hex


def request_id() -> str | None:
    """The id of the request that is being answered; None outside of one."""
    return current.get()
