"""The client against the service in this process, and against one that fails."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from tersus.compressors import Budget, Passage
from tersus.rag import Tersus
from tersus.rag.api.collections import DocumentIn
from tersus.rag.api.queries import ContextEvent, QueryResponse
from tersus.rag.api.search import SearchIn
from tersus.rag.client import ApiError, AsyncTersusClient, TersusClient, Unreachable

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.rag.fakes import ScriptedLLM, rows
from tests.service.http.conftest import client, key, llm, settings, start, tersus

__all__ = ["client", "key", "llm", "settings", "start", "tersus"]

QUESTION = "What pulls the sea?"


def over(service: TestClient) -> Callable[[httpx.Request], httpx.Response]:
    """A transport into the service of this process."""

    def send(request: httpx.Request) -> httpx.Response:
        given = service.request(
            request.method, str(request.url), content=request.read(), headers=dict(request.headers)
        )
        return httpx.Response(given.status_code, headers=dict(given.headers), content=given.content)

    return send


@pytest.fixture
def api(client: TestClient) -> Iterator[TersusClient]:
    http = httpx.Client(base_url="http://testserver", transport=httpx.MockTransport(over(client)))
    with TersusClient(http=http) as made:
        yield made


def test_a_walk_through_all_of_it(api: TersusClient, tersus: Tersus, tmp_path: Path) -> None:
    assert api.create_collection("notes").documents == 0
    done = api.add_documents(
        "notes", [DocumentIn(id="a/b", text="Foxes hunt at night. They sleep. Dens are dug.")]
    )
    assert done.counts == {"added": 1}
    file = tmp_path / "bears.txt"
    file.write_text("Bears sleep in winter.")
    job = api.wait_for_job(api.add_files("notes", [file]).id, every=0.05)
    assert (job.state, api.get_collection("notes").documents) == ("done", 2)
    queued = api.queue_documents("notes", [DocumentIn(id="c", text="Cats purr.")])
    assert api.wait_for_job(queued.id, every=0.05).state == "done"
    assert api.list_jobs().jobs[0].id == queued.id
    assert [one.id for one in api.list_documents("notes").documents] == ["a/b", "bears.txt", "c"]
    assert api.get_document("notes", "a/b").text.startswith("Foxes")
    found = api.retrieve("foxes hunt", "notes", 1, SearchIn(mode="bm25"))
    assert [one.document for one in found.passages] == ["a/b"]
    assert api.delete_document("notes", "a/b").documents == 1
    assert api.delete_collection("notes").documents == 2
    assert [one.name for one in api.list_collections().collections] == ["corpus"]
    answer = api.query(QUESTION, "corpus", budget=0.5, top_k=2)
    assert (answer.answer, answer.budget) == ("The moon.", "ratio=0.5")
    assert api.get_query(answer.id).answer == "The moon."
    shrunk = api.compress("q", [Passage(text="One. Two. Three.", title="t"), "Four. Five."], budget=Budget())
    assert [one.text for one in shrunk.passages] == ["One. Three.", "Four."]
    assert [one.id for one in api.list_queries().queries] == [shrunk.id, answer.id]
    assert api.savings("compressor").total.queries == 2
    assert "exit" in {one.name for one in api.list_compressors().compressors}
    assert api.list_evaluations(limit=5).evaluations == []


def test_a_stream_is_read_as_it_comes(api: TersusClient, llm: ScriptedLLM) -> None:
    context, *words, whole = api.stream_query(QUESTION, "corpus")
    assert isinstance(context, ContextEvent)
    assert isinstance(whole, QueryResponse)
    assert "".join(str(word) for word in words) == whole.answer == "The moon."
    llm.error = ConnectionError()
    with pytest.raises(ApiError) as raised:
        list(api.stream_query(QUESTION, "corpus"))
    assert raised.value.code == "llm_failed"
    with pytest.raises(ApiError) as raised:
        list(api.stream_query(QUESTION, "none"))
    assert (raised.value.code, raised.value.status) == ("unknown_collection", 404)


def test_the_same_without_blocking(client: TestClient) -> None:
    async def ask() -> tuple[str | None, list[Any], int]:
        transport = httpx.MockTransport(over(client))
        http = httpx.AsyncClient(base_url="http://testserver", transport=transport)
        async with AsyncTersusClient(http=http) as api:
            answers = await asyncio.gather(*(api.query(QUESTION, "corpus") for _ in range(3)))
            events = [event async for event in api.stream_query(QUESTION, "corpus")]
            with pytest.raises(ApiError):
                await api.get_collection("none")
            return answers[0].answer, events, (await api.savings()).total.queries

    answer, events, queries = asyncio.run(ask())
    assert (answer, len(events), queries) == ("The moon.", 4, 4)


class Flaky:
    """Fails as told, then lets through; remembers the idempotency keys."""

    def __init__(self, inner: Any, *failures: Any) -> None:
        self.inner, self.failures, self.keys = inner, list(failures), []  # type: ignore[var-annotated]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.keys.append(request.headers.get("idempotency-key"))
        if not self.failures:
            response: httpx.Response = self.inner(request)
            return response
        failure = self.failures.pop(0)
        if failure == "lost":  # it was done, and the answer was lost
            self.inner(request)
        if not isinstance(failure, int):
            raise httpx.ReadError("lost")
        body = {"error": {"code": "overloaded", "message": "busy", "hint": None, "request_id": "r"}}
        return httpx.Response(failure, json=body, headers={"Retry-After": "0"})


def flaky(client: TestClient, *failures: Any, attempts: int = 4) -> tuple[TersusClient, Flaky]:
    transport = Flaky(over(client), *failures)
    http = httpx.Client(base_url="http://testserver", transport=httpx.MockTransport(transport))
    return TersusClient(http=http, attempts=attempts), transport


def test_what_may_be_repeated_is_and_done_once(
    client: TestClient, tersus: Tersus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    api, transport = flaky(client, "lost", 503, 429)
    assert api.query(QUESTION, "corpus").answer == "The moon."
    assert len(set(transport.keys)) == 1
    assert transport.keys[0]
    assert len(rows(tersus.database)) == 1


def test_what_may_not_be_repeated_is_told(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    api, transport = flaky(client, "down")
    with pytest.raises(Unreachable):
        api.create_collection("notes")
    assert len(transport.keys) == 1
    api, transport = flaky(client, 429)  # a 429 was not begun
    assert api.create_collection("notes").name == "notes"
    api, transport = flaky(client, 503, 503, attempts=2)
    with pytest.raises(ApiError) as raised:
        api.list_collections()
    assert (raised.value.code, raised.value.status, raised.value.request_id) == ("overloaded", 503, "r")
    with pytest.raises(Unreachable, match="tersus serve"):
        TersusClient("http://127.0.0.1:9", attempts=1).list_jobs()


def test_the_key_is_sent(start: Any, key: Any) -> None:
    token = key("ci")
    transport = httpx.MockTransport(over(start()))
    api = TersusClient("http://testserver", token)
    api._http._transport = transport
    assert api.list_compressors().default == "first_sentence"
    other = TersusClient("http://testserver")
    other._http._transport = transport
    with pytest.raises(ApiError) as raised:
        other.list_compressors()
    assert raised.value.status == 401
