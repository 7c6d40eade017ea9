"""A mix of requests as applications send them, each answer noted with the id of its row."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

from .material import Ask, asks

__all__ = ["COLLECTION", "Load", "Noted", "fill"]

COLLECTION = "load"
_KINDS = ("compress", "query", "stream", "chat", "chat-stream", "retrieve", "documents", "savings")
_SHARES = (25, 20, 10, 15, 10, 10, 5, 5)


@dataclass(slots=True)
class Noted:
    """What came of a load. ``answers`` are ``(query id, tokens before, after)`` of those answered in full."""

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    answers: list[tuple[str, int | None, int | None]] = field(default_factory=list)
    formless: list[str] = field(default_factory=list)
    """Errors that were not in the service's form."""

    def errors(self, allowed: frozenset[int] = frozenset({429})) -> int:
        """Answers with another status than 2xx and ``allowed``, and connections that broke."""
        bad = sum(n for (_, status), n in self.statuses.items() if status >= 400 and status not in allowed)
        return bad + sum(self.broken.values())


def fill(url: str, documents: int = 60) -> None:
    """A collection to ask about."""
    made = [
        {"id": f"d{n}", "title": passage.title, "text": passage.text}
        for n, ask in enumerate(asks(documents, seed=99))
        for passage in ask.passages[:1]
    ]
    with httpx.Client(base_url=url, timeout=120) as http:
        http.post("/v1/collections", json={"name": COLLECTION})
        http.post(f"/v1/collections/{COLLECTION}/documents", json={"documents": made}).raise_for_status()


class Load:
    """Clients that send the mix until they are told to stop."""

    def __init__(self, url: str, *, seed: int = 0, timeout: float = 60) -> None:
        self.noted = Noted()
        self.stop = False
        self._url = url
        self._chance = random.Random(seed)  # noqa: S311 - not a secret
        self._asks = asks(200, seed=7)
        self._timeout = timeout
        self._number = 0

    async def run(self, clients: int) -> Noted:
        """Send until ``stop``."""
        limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
        async with httpx.AsyncClient(base_url=self._url, timeout=self._timeout, limits=limits) as http:
            await asyncio.gather(*(self._client(http) for _ in range(clients)))
        return self.noted

    async def _client(self, http: httpx.AsyncClient) -> None:
        while not self.stop:
            kind = self._chance.choices(_KINDS, _SHARES)[0]
            self._number += 1
            ask, number = self._chance.choice(self._asks), self._number
            try:
                await self._send(http, kind, ask, number)
            except httpx.HTTPError as error:
                self.noted.broken[f"{kind}: {type(error).__name__}"] += 1
                await asyncio.sleep(0.05)

    async def _send(self, http: httpx.AsyncClient, kind: str, ask: Ask, number: int) -> None:
        question = f"{ask.query} ({number})"
        chat = {
            "model": f"tersus/{COLLECTION}/fake",
            "messages": [{"role": "user", "content": question}],
        }
        asked = {"query": question, "collection": COLLECTION}
        if kind == "compress":
            response = await http.post(
                "/v1/compress", json={**ask.body(budget={"ratio": 0.5}), "query": question}
            )
        elif kind == "query":
            response = await http.post("/v1/query", json={**asked, "budget": {"ratio": 0.5}})
        elif kind == "retrieve":
            response = await http.post("/v1/retrieve", json=asked)
        elif kind == "chat":
            response = await http.post("/v1/chat/completions", json=chat)
        elif kind == "savings":
            response = await http.get("/v1/savings", params={"by": "day"})
        elif kind == "documents":
            document = {
                "id": f"n{number % 50}",
                "title": "Note",
                "text": f"Note {number}. {ask.passages[0].text}",
            }
            response = await http.post(
                f"/v1/collections/{COLLECTION}/documents", json={"documents": [document]}
            )
        else:
            await self._stream(http, kind, asked if kind == "stream" else chat)
            return
        self._note(kind, response)
        if response.status_code == 200 and kind in ("compress", "query"):
            found = response.json()
            self.noted.answers.append((found["id"], found["tokens_before"], found["tokens_after"]))
        elif response.status_code == 200 and kind == "chat":
            self._note_headers(response)

    async def _stream(self, http: httpx.AsyncClient, kind: str, body: dict[str, Any]) -> None:
        path = "/v1/query" if kind == "stream" else "/v1/chat/completions"
        async with http.stream("POST", path, json={**body, "stream": True}) as response:
            text = (await response.aread()).decode("utf-8", "replace")
        self._note(kind, response)
        if response.status_code != 200:
            return
        whole = "event: done" in text if kind == "stream" else text.rstrip().endswith("data: [DONE]")
        if not whole:
            self.noted.codes[f"{kind}: error event" if "error" in text else f"{kind}: torn"] += 1
        elif kind == "chat-stream":
            self._note_headers(response)

    def _note_headers(self, response: httpx.Response) -> None:
        header = response.headers
        self.noted.answers.append(
            (
                header["x-tersus-query-id"],
                int(header["x-tersus-tokens-before"]),
                int(header["x-tersus-tokens-after"]),
            )
        )

    def _note(self, kind: str, response: httpx.Response) -> None:
        self.noted.statuses[kind, response.status_code] += 1
        if response.status_code >= 400:
            try:
                self.noted.codes[f"{response.status_code} {response.json()['error']['code']}"] += 1
            except (ValueError, KeyError, TypeError):
                self.noted.formless.append(f"{kind} {response.status_code}: {response.text[:200]}")
