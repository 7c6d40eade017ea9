"""Clients that ask at the same time, each waiting for its answer before it asks again."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

import httpx

__all__ = ["Answered", "ask_all", "ask_alone", "percentile"]


@dataclass(slots=True)
class Answered:
    """What came of a load: seconds of each answered request, the statuses, the wall time."""

    seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    wall: float = 0.0

    @property
    def rate(self) -> float:
        """Answered requests a second."""
        return len(self.seconds) / self.wall if self.wall else 0.0


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * int(share * 100) // 100) - 1))]


def ask_alone(
    port: int, path: str, bodies: Sequence[dict[str, Any]], timeout: float = 120
) -> list[tuple[float, int, Any]]:
    """Seconds, status and answer of each body, one after the other over one connection to 127.0.0.1.

    By the barest client there is, with the body made before and the answer read after: a whole HTTP library
    in the client would be counted with the service.
    """
    found = []
    with closing(HTTPConnection("127.0.0.1", port, timeout=timeout)) as connection:
        for body in bodies:
            sent = json.dumps(body).encode()
            started = time.perf_counter()
            connection.request("POST", path, sent, {"content-type": "application/json"})
            response = connection.getresponse()
            received = response.read()
            found.append((time.perf_counter() - started, response.status, received))
    return [(seconds, status, json.loads(received)) for seconds, status, received in found]


def ask_all(
    url: str, path: str, bodies: Sequence[dict[str, Any]], clients: int, timeout: float = 120
) -> Answered:
    """Post every body once, from ``clients`` clients at a time."""
    return asyncio.run(_ask_all(url, path, bodies, clients, timeout))


async def _ask_all(
    url: str, path: str, bodies: Sequence[dict[str, Any]], clients: int, timeout: float
) -> Answered:
    result = Answered()
    waiting = iter(bodies)
    async with httpx.AsyncClient(base_url=url, timeout=timeout) as http:

        async def client() -> None:
            for body in waiting:
                started = time.perf_counter()
                response = await http.post(path, json=body)
                result.statuses[response.status_code] = result.statuses.get(response.status_code, 0) + 1
                if response.status_code == 200:
                    result.seconds.append(time.perf_counter() - started)

        started = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(clients)))
        result.wall = time.perf_counter() - started
    return result
