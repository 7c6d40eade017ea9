"""The drop-in for OpenAI's chat API, with OpenAI's own client, against an endpoint in another thread."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import openai
import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from tersus.compressors import load_counter
from tersus.rag import Settings, Tersus

from tests.rag.fakes import FirstSentence, HashedEmbedding, fill, rows
from tests.service.http.conftest import bearer

LONG = "One stays. Two goes. Three stays. " + "Four goes. " * 100
KEPT = "One stays. Three stays."
QUESTION = "What pulls the sea?"
MODEL = "tersus/corpus/gpt-4o-mini"


class Upstream:
    """Remembers what it was asked; answers as ``mode`` tells it to."""

    def __init__(self) -> None:
        self.mode = "ok"
        self.url = ""
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []

    @property
    def messages(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.asked[-1]["messages"]
        return found

    def answer(self, http: BaseHTTPRequestHandler) -> None:
        body = json.loads(http.rfile.read(int(http.headers["Content-Length"])))
        self.asked.append(body)
        self.keys.append(http.headers.get("Authorization"))
        if self.mode in ("error", "limited", "refused"):
            status = {"error": 500, "limited": 429, "refused": 400}[self.mode]
            self._send(http, status, json.dumps({"error": {"message": "told so"}}).encode())
        elif self.mode == "garbage":
            self._send(http, 200, b"<html>")
        elif body.get("stream"):
            self._stream(http, bool(body.get("stream_options", {}).get("include_usage")))
        else:
            message = {"role": "assistant", "content": "The moon."}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            whole = {**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE, "odd": 1}
            self._send(http, 200, json.dumps(whole).encode())

    def _stream(self, http: BaseHTTPRequestHandler, usage: bool) -> None:
        http.send_response(200)
        http.send_header("Content-Type", "text/event-stream")
        http.end_headers()
        chunks: list[dict[str, Any]] = [
            {"choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]}
            for word in ("The", " moon", ".")
        ]
        if self.mode != "cut":
            chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            chunks += [{"choices": [], "usage": USAGE}] if usage else []
        for chunk in chunks:
            whole = {**HEAD, "object": "chat.completion.chunk", **chunk}
            http.wfile.write(f"data: {json.dumps(whole)}\n\n".encode())
        if self.mode != "cut":
            http.wfile.write(b"data: [DONE]\n\n")

    @staticmethod
    def _send(http: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
        http.send_response(status)
        http.send_header("Content-Type", "application/json")
        http.send_header("Content-Length", str(len(body)))
        http.end_headers()
        http.wfile.write(body)


HEAD = {"id": "c1", "created": 1, "model": "gpt-4o-mini"}
USAGE = {
    "prompt_tokens": 120, "completion_tokens": 3, "total_tokens": 123,
    "prompt_tokens_details": {"cached_tokens": 20},
}  # fmt: skip


@contextmanager
def listening(upstream: Upstream) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            upstream.answer(self)

        def do_GET(self) -> None:
            listed = {"data": [{"id": "gpt-4o-mini", "object": "model", "created": 1, "owned_by": "x"}]}
            Upstream._send(self, 200, json.dumps(listed).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    upstream.url = f"http://127.0.0.1:{server.server_port}/v1"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    made = Upstream()
    with listening(made):
        yield made


@pytest.fixture
def settings(tmp_path: Path, upstream: Upstream) -> Settings:
    return Settings(
        home=tmp_path / "home", compressor="first_sentence", ratio=0.5, top_k=2,
        llm_base_url=upstream.url, llm_model="gpt-4o-mini", llm_api_key=SecretStr("sk-upstream"),
        llm_timeout=5,
    )  # fmt: skip


@pytest.fixture
def tersus(settings: Settings) -> Iterator[Tersus]:
    with Tersus(settings, embedding=HashedEmbedding(), background=False) as made:
        made.share(FirstSentence())
        fill(made.database)
        yield made


@pytest.fixture
def ai(client: TestClient) -> openai.OpenAI:
    """OpenAI's client, whose HTTP goes to the service in this process."""
    return client_of(client)


def client_of(client: TestClient, key: str = "none") -> openai.OpenAI:
    import httpx

    def send(request: httpx.Request) -> httpx.Response:
        given = client.request(
            request.method, request.url.path, content=request.read(), headers=dict(request.headers)
        )
        return httpx.Response(given.status_code, headers=dict(given.headers), content=given.content)

    transport = httpx.MockTransport(send)
    return openai.OpenAI(
        base_url="http://testserver/v1",
        api_key=key,
        max_retries=0,
        http_client=httpx.Client(transport=transport),
    )


def user(text: Any) -> Any:
    return {"role": "user", "content": text}


def test_the_last_question_gets_a_compressed_context(
    ai: openai.OpenAI, upstream: Upstream, tersus: Tersus
) -> None:
    raw = ai.chat.completions.with_raw_response.create(
        model=MODEL, messages=[user(QUESTION)], temperature=0.5, extra_body={"unknown": [1]}
    )
    assert raw.parse().choices[0].message.content == "The moon."
    sent = upstream.asked[-1]
    assert (sent["model"], sent["temperature"], sent["unknown"]) == ("gpt-4o-mini", 0.5, [1])
    content = upstream.messages[0]["content"]
    assert content.endswith(QUESTION)
    assert "<passages>" in content
    assert upstream.keys == ["Bearer sk-upstream"]
    (row,) = rows(tersus.database)
    assert raw.headers["x-tersus-query-id"] == row.id
    assert int(raw.headers["x-tersus-tokens-before"]) == row.tokens_before
    assert int(raw.headers["x-tersus-tokens-after"]) == row.tokens_after
    assert (row.tokens_after or 0) < (row.tokens_before or 0)
    assert (row.question, row.answer, row.collection) == (QUESTION, "The moon.", "corpus")
    assert (row.provider_prompt_tokens, row.provider_cached_tokens) == (120, 20)
    assert (row.endpoint, row.outcome) == ("/v1/chat/completions", "compressed")
    assert row.cost_saved


def test_marked_parts_and_long_tool_results_shrink_and_nothing_else(
    ai: openai.OpenAI, upstream: Upstream, tersus: Tersus
) -> None:
    call = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    picture = {"type": "image_url", "image_url": {"url": "data:,x"}}
    messages: list[Any] = [
        {"role": "system", "content": f"Be brief. <tersus>{LONG}</tersus>"},
        user([{"type": "text", "text": f"Look: <tersus>{LONG}</tersus> {QUESTION}"}, picture]),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "t1", "content": LONG},
        {"role": "tool", "tool_call_id": "t1", "content": "Short. It stays. As it is."},
        {"role": "assistant", "content": f"I said <tersus>{LONG}</tersus>"},
        user("And now?"),
    ]
    ai.chat.completions.create(model="gpt-4o-mini", messages=messages)
    sent = upstream.messages
    assert sent[0]["content"] == f"Be brief. {KEPT}"
    assert sent[1]["content"] == [{"type": "text", "text": f"Look: {KEPT} {QUESTION}"}, picture]
    assert sent[3]["content"] == KEPT
    assert [sent[n] for n in (2, 4, 5, 6)] == [messages[n] for n in (2, 4, 5, 6)]
    (row,) = rows(tersus.database)
    assert row.collection is None
    assert len(row.passages or []) == 3
    count = load_counter("o200k")
    assert row.tokens_before == 3 * count(LONG)
    assert row.tokens_after == 3 * count(KEPT)


def test_what_was_sent_is_sent_again_byte_for_byte(
    ai: openai.OpenAI, upstream: Upstream, tersus: Tersus, start: Any
) -> None:
    messages: list[Any] = [user(f"<tersus>{LONG}</tersus> {QUESTION}")]
    sent: list[list[dict[str, Any]]] = []
    for question in ("Why do tides follow it?", "And bread?"):
        ai.chat.completions.create(model=MODEL, messages=messages)
        sent.append(upstream.messages)
        messages += [{"role": "assistant", "content": "The moon."}, user(question)]
    # Another process, which remembers nothing itself, and a corpus that has changed.
    from tests.rag.fakes import add_document

    add_document(tersus.database, "corpus", "new", ["What pulls the sea? The wind."])
    client_of(start()).chat.completions.create(model=MODEL, messages=messages)
    sent.append(upstream.messages)
    for before, after in pairwise(sent):
        assert json.dumps(after).startswith(json.dumps(before)[:-1])
    assert all("<passages>" in m["content"] for m in sent[-1] if m["role"] == "user")


def test_a_stream_is_passed_on_and_recorded(ai: openai.OpenAI, upstream: Upstream, tersus: Tersus) -> None:
    stream = ai.chat.completions.create(model=MODEL, messages=[user(QUESTION)], stream=True)
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "The moon."
    assert all(chunk.choices for chunk in chunks)  # the usage was not asked for
    (row,) = rows(tersus.database)
    assert (row.answer, row.provider_prompt_tokens, row.outcome) == ("The moon.", 120, "compressed")
    asked = ai.chat.completions.create(
        model=MODEL, messages=[user(QUESTION)], stream=True, stream_options={"include_usage": True}
    )
    *_, last = asked
    assert last.usage is not None
    assert last.usage.prompt_tokens == 120


def test_compression_can_be_bypassed(ai: openai.OpenAI, upstream: Upstream, tersus: Tersus) -> None:
    ai.chat.completions.create(
        model="gpt-4o-mini",
        messages=[user(f"<tersus>{LONG}</tersus> Why?")],
        extra_headers={"x-tersus-compress": "off"},
    )
    assert upstream.messages == [user(f"{LONG} Why?")]
    (row,) = rows(tersus.database)
    assert (row.outcome, row.tokens_saved) == ("bypassed", 0)


@pytest.mark.parametrize(
    ("mode", "status", "code"),
    [
        ("error", 502, "llm_failed"), ("garbage", 502, "llm_failed"), ("limited", 429, "llm_busy"),
        ("refused", 400, "llm_refused"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stream", [False, True])
def test_an_upstream_that_fails_is_told_in_the_error_form(
    ai: openai.OpenAI, upstream: Upstream, tersus: Tersus, mode: str, status: int, code: str, stream: bool
) -> None:
    upstream.mode = mode
    if mode == "garbage" and stream:
        pytest.skip("HTML has no events: it ends as a cut stream does")
    with pytest.raises(openai.APIStatusError) as raised:
        list(ai.chat.completions.create(model=MODEL, messages=[user(QUESTION)], stream=stream))
    assert raised.value.status_code == status
    assert raised.value.code == code
    (row,) = rows(tersus.database)
    assert (row.outcome, row.error_code) == ("failed", code)


def test_a_stream_that_is_cut_off_ends_with_an_error(
    client: TestClient, ai: openai.OpenAI, upstream: Upstream, tersus: Tersus
) -> None:
    upstream.mode = "cut"
    said: list[str] = []
    stream = ai.chat.completions.create(model=MODEL, messages=[user(QUESTION)], stream=True)

    def read() -> None:
        for chunk in stream:
            said.append(chunk.choices[0].delta.content or "")

    with pytest.raises(openai.APIError):
        read()
    assert "".join(said) == "The moon."
    (row,) = rows(tersus.database)
    assert (row.outcome, row.error_code) == ("failed", "llm_failed")
    body = {"model": MODEL, "messages": [user(QUESTION)], "stream": True}
    assert "[DONE]" not in client.post("/v1/chat/completions", json=body).text


def test_a_dead_upstream_is_502(client: TestClient, upstream: Upstream, tersus: Tersus) -> None:
    tersus.settings.__dict__["llm_base_url"] = "http://127.0.0.1:9/v1"
    response = client.post("/v1/chat/completions", json={"model": MODEL, "messages": [user(QUESTION)]})
    assert response.status_code == 502
    assert "127.0.0.1" not in response.text


def test_models_are_the_upstreams_and_the_collections(
    ai: openai.OpenAI, start: Any, key: Callable[..., str]
) -> None:
    assert [model.id for model in ai.models.list()] == [MODEL, "gpt-4o-mini"]
    assert ai.models.retrieve(MODEL).owned_by == "tersus"
    with pytest.raises(openai.NotFoundError):
        ai.models.retrieve("nothing")
    bound = key("bound", collections=["else"])
    other = client_of(start(), bound)
    assert [model.id for model in other.models.list()] == ["gpt-4o-mini"]
    with pytest.raises(openai.PermissionDeniedError):
        other.chat.completions.create(model=MODEL, messages=[user(QUESTION)])


def test_what_makes_no_sense_is_422(client: TestClient, tersus: Tersus) -> None:
    good = {"model": MODEL, "messages": [user(QUESTION)]}
    for change, header in (
        ({"messages": []}, {}), ({"messages": ["x"]}, {}), ({"model": None}, {}),
        ({"messages": [{"role": "user", "content": None}]}, {}),
        ({}, {"x-tersus-budget": "much"}), ({}, {"x-tersus-budget": "ratio=7"}),
        ({}, {"x-tersus-compress": "?"}),
    ):  # fmt: skip
        response = client.post("/v1/chat/completions", json={**good, **change}, headers=header)
        assert response.status_code == 422, (change, header)
    unknown = {**good, "model": "tersus/none/m"}
    assert client.post("/v1/chat/completions", json=unknown).status_code == 404
    assert rows(tersus.database) == []


def test_a_budget_is_kept_by_the_drop_in_too(start: Any, key: Callable[..., str]) -> None:
    token = key("small", monthly_tokens=900)
    client = start()
    body = {"model": MODEL, "messages": [user(QUESTION)], "max_tokens": 16}
    statuses = [
        client.post("/v1/chat/completions", json=body, headers=bearer(token)).status_code for _ in range(4)
    ]
    # 400 tokens of passages, 256 of marks and some of its own are reserved, 123 are spent.
    assert statuses == [200, 200, 402, 402]


def test_llama_index_talks_to_it(client: TestClient, upstream: Upstream) -> None:
    import httpx
    from llama_index.core.llms import ChatMessage
    from llama_index.llms.openai_like import OpenAILike

    transport = client_of(client)._client._transport
    llm = OpenAILike(
        model=MODEL, api_base="http://testserver/v1", api_key="none", is_chat_model=True, max_retries=0,
        http_client=httpx.Client(transport=transport),
    )  # fmt: skip
    message = ChatMessage(role="user", content=QUESTION)
    assert llm.chat([message]).message.content == "The moon."
    assert [piece.delta for piece in llm.stream_chat([message])][:3] == ["The", " moon", "."]
    assert "<passages>" in upstream.messages[0]["content"]


def test_the_models_of_this_process_answer_where_there_is_no_endpoint(tmp_path: Path, start: Any) -> None:
    from tersus.service.http.app import create_app
    from tersus.service.http.config import ServeConfig

    from tests.rag.fakes import ScriptedLLM, usage

    settings = Settings(home=tmp_path / "own", tokenizer="cl100k", compressor="first_sentence")
    llm = ScriptedLLM(raw=usage(50, completion=4))
    with Tersus(settings, llm=llm, embedding=HashedEmbedding(), background=False) as tersus:
        tersus.share(FirstSentence())
        with TestClient(create_app(tersus, ServeConfig(warm=False))) as client:
            body = {"model": "gpt-4o-mini", "messages": [user(f"<tersus>{LONG}</tersus> Why?")]}
            found = client.post("/v1/chat/completions", json=body).json()
            assert found["choices"][0]["message"]["content"] == "The moon."
            assert found["usage"]["prompt_tokens"] == 50
            assert KEPT in str(llm.asked[0][-1].content)
