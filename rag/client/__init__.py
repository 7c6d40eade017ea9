"""A typed client of the service, for threads and for event loops.

>>> from tersus.rag.client import TersusClient
>>> with TersusClient("http://127.0.0.1:8484") as tersus:  # doctest: +SKIP
...     print(tersus.query("Who built the lighthouse?", "docs").answer)
"""

from __future__ import annotations

from .asynchronous import AsyncTersusClient
from .errors import ApiError, Unreachable
from .events import QueryEvent
from .synchronous import TersusClient

__all__ = ["ApiError", "AsyncTersusClient", "QueryEvent", "TersusClient", "Unreachable"]
