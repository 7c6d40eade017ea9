"""A query's events, as they come over the wire."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ..api.queries import ContextEvent, QueryResponse
from .errors import error_of

__all__ = ["QueryEvent", "Reader"]

QueryEvent = ContextEvent | str | QueryResponse
"""The context that is sent, a piece of the answer, and at last the whole answer."""


@dataclass(slots=True)
class Reader:
    """Makes events of lines; ``ended`` once the last one was seen."""

    ended: bool = False
    _name: str = ""

    def feed(self, line: str) -> QueryEvent | None:
        """The event that this line completes, if any. Raises ApiError for one that says so."""
        if line.startswith("event: "):
            self._name = line[7:]
        elif line.startswith("data: "):
            data: Any = json.loads(line[6:])
            if self._name == "token":
                return str(data["text"])
            if self._name == "context":
                return ContextEvent.model_validate(data)
            if self._name == "done":
                self.ended = True
                return QueryResponse.model_validate(data)
            if self._name == "error":
                raise error_of(data["error"], 200)
        return None
