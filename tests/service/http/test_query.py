"""Retrieve, compress and query over HTTP, and what the ledger holds afterwards."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tersus.rag import Tersus

from tests.rag.fakes import ScriptedLLM, only_row, raising, rows

QUESTION = "What pulls the sea?"
ASKED = {"query": QUESTION, "collection": "corpus", "top_k": 3, "budget": {"ratio": 0.5}}


def error_of(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"code", "message", "hint", "request_id"}
    assert error["request_id"] == response.headers["x-request-id"]
    return error


def test_a_query_is_answered_and_its_row_says_the_same(client: TestClient, tersus: Tersus) -> None:
    response = client.post("/v1/query", json=ASKED, headers={"x-request-id": "req-1"})
    assert response.status_code == 200
    found = response.json()
    assert found["answer"] == "The moon."
    assert found["outcome"] == "compressed"
    assert len(found["passages"]) == 3
    for passage in found["passages"]:
        kept = [passage["source"][span["start"] : span["end"]] for span in passage["kept"]]
        assert passage["text"] == " ".join(kept)
        assert passage["text"] in found["context"]
    row = only_row(tersus.database)
    assert (row.id, row.tokens_before, row.tokens_after) == (
        found["id"], found["tokens_before"], found["tokens_after"],
    )  # fmt: skip
    assert (row.endpoint, row.request_id, row.key_id) == ("/v1/query", "req-1", None)
    assert found["usage"] == {"prompt_tokens": 200, "cached_tokens": None, "completion_tokens": 9}
    shown = client.get(f"/v1/queries/{found['id']}").json()
    assert shown["answer"] == "The moon."
    assert shown["cost_saved"] == found["cost_saved"] == f"{row.cost_saved:f}"
    assert [p["text"] for p in shown["passages"]] == [p["source"] for p in found["passages"]]


def test_without_a_model_the_context_is_the_answer(client: TestClient, llm: ScriptedLLM) -> None:
    found = client.post("/v1/query", json={**ASKED, "context_only": True}).json()
    assert found["answer"] is None
    assert found["context"]
    assert llm.asked == []


def test_compression_can_be_switched_off(client: TestClient) -> None:
    found = client.post("/v1/query", json={**ASKED, "compress": False}).json()
    assert (found["outcome"], found["compressor"]) == ("bypassed", None)
    assert found["tokens_before"] == found["tokens_after"]


def events(response: Any) -> list[tuple[str, Any]]:
    assert response.headers["content-type"].startswith("text/event-stream")
    found = []
    for block in response.text.split("\n\n"):
        if block:
            name, data = block.split("\n", 1)
            found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def test_a_stream_tells_context_words_and_the_whole(client: TestClient, tersus: Tersus) -> None:
    found = events(client.post("/v1/query", json={**ASKED, "stream": True}))
    assert [name for name, _ in found] == ["context", "token", "token", "done"]
    assert "".join(data["text"] for name, data in found if name == "token") == "The moon."
    done = found[-1][1]
    row = only_row(tersus.database)
    assert found[0][1]["id"] == done["id"] == row.id
    assert (row.outcome, row.answer, row.provider_prompt_tokens) == ("compressed", "The moon.", 200)
    whole = client.post("/v1/query", json=ASKED).json()
    same = whole.keys() - {"id", "seconds"}
    assert {name: done[name] for name in same} == {name: whole[name] for name in same}


def test_a_model_that_dies_in_mid_stream_ends_it_with_an_error(
    client: TestClient, tersus: Tersus, llm: ScriptedLLM
) -> None:
    llm.error = ConnectionError("cut")
    found = events(client.post("/v1/query", json={**ASKED, "stream": True}))
    assert [name for name, _ in found] == ["context", "token", "token", "error"]
    assert found[-1][1]["error"]["code"] == "llm_failed"
    row = only_row(tersus.database)
    assert (row.outcome, row.error_code) == ("failed", "llm_failed")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(ConnectionError("refused"), 502, "llm_failed"), (TimeoutError(), 504, "llm_timeout")],
)
def test_a_model_that_fails_is_not_our_fault(
    client: TestClient, tersus: Tersus, llm: ScriptedLLM, error: Exception, status: int, code: str
) -> None:
    llm.error = error
    said = error_of(client.post("/v1/query", json=ASKED), status)
    assert said["code"] == code
    assert "refused" not in said["message"]
    assert only_row(tersus.database).error_code == code


def test_what_cannot_be_found_is_404_before_a_stream_begins(client: TestClient, tersus: Tersus) -> None:
    body = {**ASKED, "collection": "none"}
    for stream in (False, True):
        response = client.post("/v1/query", json={**body, "stream": stream})
        assert error_of(response, 404)["code"] == "unknown_collection"
    assert error_of(client.post("/v1/query", json={**ASKED, "compressor": "no"}), 404)
    assert rows(tersus.database) == []


def test_passages_are_found(client: TestClient, tersus: Tersus) -> None:
    found = client.post("/v1/retrieve", json={"query": QUESTION, "collection": "corpus", "top_k": 2}).json()
    expected = tersus.retriever.retrieve(QUESTION, "corpus", 2)
    assert [(p["id"], p["text"], p["document"]) for p in found["passages"]] == [
        (p.id, p.text, p.document_id) for p in expected
    ]
    assert found["passages"][0]["score"] >= found["passages"][1]["score"]
    nothing = {"query": QUESTION, "collection": "corpus", "search": {"min_score": 0.99}}
    assert client.post("/v1/retrieve", json=nothing).json()["passages"] == []


def test_passages_that_are_brought_are_compressed(client: TestClient, tersus: Tersus) -> None:
    texts = ["One stays. Two goes. Three stays.", {"text": "Tides follow the moon. Bread rises.", "id": "x"}]
    body = {"query": "q", "passages": texts, "budget": {"ratio": 0.5}}
    found = client.post("/v1/compress", json=body).json()
    assert [p["text"] for p in found["passages"]] == ["One stays. Three stays.", "Tides follow the moon."]
    assert [(p["index"], p["id"]) for p in found["passages"]] == [(0, "0"), (1, "x")]
    row = only_row(tersus.database)
    assert (row.kind, row.id, row.tokens_after) == ("compress", found["id"], found["tokens_after"])


def test_a_compressor_that_fails_harms_nobody(client: TestClient, tersus: Tersus) -> None:
    tersus.share(raising(ValueError("no")))
    body = {"query": "q", "passages": ["A b."], "compressor": "scripted"}
    found = client.post("/v1/compress", json=body).json()
    assert (found["outcome"], found["context"]) == ("fell_back", "A b.")


@pytest.mark.parametrize(
    "change",
    [
        {"budget": {"ratio": 0.5, "max_tokens": 3}}, {"budget": {"ratio": 2}}, {"passages": []},
        {"passages": [3]}, {"surprise": 1}, {"query": 3}, {"compressor": ""},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_422(client: TestClient, change: dict[str, Any]) -> None:
    body = {"query": "q", "passages": ["A b."], **change}
    assert error_of(client.post("/v1/compress", json=body), 422)["code"] == "invalid_request"


def test_limits_and_broken_bodies(start: Any) -> None:
    client = start(max_passages=2, max_body_mb=0.01)
    many = {"query": "q", "passages": ["a"] * 3}
    assert error_of(client.post("/v1/compress", json=many), 422)["code"] == "too_many"
    long = {"query": "q", "passages": ["a" * 20_000]}
    assert error_of(client.post("/v1/compress", json=long), 413)["code"] == "body_too_large"
    error_of(client.post("/v1/compress", content=b"{"), 422)
    error_of(client.get("/v1/nothing"), 404)
    error_of(client.put("/v1/compress"), 405)


def test_the_same_request_is_answered_once(client: TestClient, tersus: Tersus) -> None:
    header = {"idempotency-key": "k1"}
    first = client.post("/v1/query", json=ASKED, headers=header)
    again = client.post("/v1/query", json=ASKED, headers=header)
    assert again.json() == first.json()
    assert "idempotency-replayed" in again.headers
    only_row(tersus.database)
    other = client.post("/v1/query", json={**ASKED, "top_k": 1}, headers=header)
    assert error_of(other, 422)["code"] == "idempotency_conflict"
    stream = client.post("/v1/query", json={**ASKED, "stream": True}, headers=header)
    assert error_of(stream, 422)["code"] == "idempotency_unavailable"


def test_a_request_that_failed_may_be_sent_again(client: TestClient, llm: ScriptedLLM) -> None:
    header = {"idempotency-key": "k1"}
    llm.error = ConnectionError()
    error_of(client.post("/v1/query", json=ASKED, headers=header), 502)
    llm.error = None
    assert client.post("/v1/query", json=ASKED, headers=header).status_code == 200


def test_rows_are_listed_page_by_page(client: TestClient) -> None:
    made = [client.post("/v1/query", json=ASKED).json()["id"] for _ in range(5)]
    seen: list[str] = []
    before = None
    while True:
        page = client.get("/v1/queries", params={"limit": 2, **({"before": before} if before else {})}).json()
        seen += [row["id"] for row in page["queries"]]
        if (before := page["next"]) is None:
            break
    assert seen == made[::-1]
    assert error_of(client.get(f"/v1/queries/{'0' * 32}"), 404)["code"] == "unknown_query"


def test_savings_are_those_of_the_rows(client: TestClient, tersus: Tersus) -> None:
    for _ in range(3):
        client.post("/v1/query", json=ASKED)
    found = client.get("/v1/savings", params={"by": "collection"}).json()
    all_rows = rows(tersus.database)
    assert found["total"]["tokens_saved"] == sum(row.tokens_saved or 0 for row in all_rows) > 0
    assert [row["key"] for row in found["rows"]] == ["corpus"]
    table = client.get("/v1/savings", params={"by": "collection", "format": "csv"})
    assert table.headers["content-type"].startswith("text/csv")
    head, line = table.text.splitlines()
    assert dict(zip(head.split(","), line.split(","), strict=True))["queries"] == "3"
    assert error_of(client.get("/v1/savings", params={"since": "yore"}), 422)


def test_compressors_say_what_they_are(client: TestClient) -> None:
    found = client.get("/v1/compressors").json()
    names = {one["name"]: one for one in found["compressors"]}
    assert found["default"] == "first_sentence"
    assert {"exit", "gemfilter", "crag", "none"} <= names.keys()
    assert all(one["error"] is None and one["summary"] for one in names.values())
