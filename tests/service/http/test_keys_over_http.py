"""Who may do what, and how much of it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tersus.rag import Tersus
from tersus.rag.settings import InvalidSettings

from tests.rag.fakes import ScriptedLLM, rows
from tests.service.http.conftest import bearer

ASKED = {"query": "What pulls the sea?", "collection": "corpus", "top_k": 2, "budget": {"ratio": 0.5}}
PATHS = [
    ("POST", "/v1/query"), ("POST", "/v1/compress"), ("POST", "/v1/retrieve"), ("GET", "/v1/queries"),
    ("GET", f"/v1/queries/{'0' * 32}"), ("GET", "/v1/savings"), ("GET", "/v1/compressors"),
]  # fmt: skip


def test_every_route_needs_a_key_once_there_is_one(start: Any, key: Callable[..., str]) -> None:
    key()
    client = start()
    for method, path in PATHS:
        for headers in (
            {},
            {"Authorization": "Basic eDp5"},
            bearer("tsk_nonsense"),
            {"Authorization": b"Bearer \xe9"},
        ):
            response = client.request(method, path, headers=headers, json={})
            assert response.status_code == 401, path
            assert response.json()["error"]["code"] == "unauthorized"
            assert response.headers["www-authenticate"] == "Bearer"
    assert client.get("/healthz").status_code == 200


def test_an_open_address_needs_keys(start: Any, key: Callable[..., str]) -> None:
    with pytest.raises(InvalidSettings, match="no API key"):
        start(host="0.0.0.0")  # noqa: S104 - that it is refused
    key()
    with pytest.raises(InvalidSettings):
        start(host="0.0.0.0", require_keys=False)  # noqa: S104
    assert start(host="0.0.0.0").get("/healthz").status_code == 200  # noqa: S104


def test_without_keys_only_this_machines_names_are_answered(start: Any) -> None:
    response = start().get("/v1/compressors", headers={"host": "evil.example"})
    assert response.status_code == 400


def test_a_bound_key_sees_its_collections_and_its_own_rows(
    start: Any, key: Callable[..., str], tersus: Tersus
) -> None:
    own, other, every = key("own", collections=["corpus"]), key("other", collections=["else"]), key("all")
    client = start()
    made = client.post("/v1/query", json=ASKED, headers=bearer(own)).json()["id"]
    refused = client.post("/v1/query", json=ASKED, headers=bearer(other))
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
    loose = client.post("/v1/compress", json={"query": "q", "passages": ["A. B. C."]}, headers=bearer(other))
    seen = {
        name: [row["id"] for row in client.get("/v1/queries", headers=bearer(token)).json()["queries"]]
        for name, token in (("own", own), ("other", other), ("all", every))
    }
    assert seen == {
        "own": [made], "other": [loose.json()["id"]], "all": [loose.json()["id"], made],
    }  # fmt: skip
    assert client.get(f"/v1/queries/{made}", headers=bearer(other)).status_code == 404
    total = client.get("/v1/savings", headers=bearer(other)).json()["total"]
    assert total["queries"] == 0
    assert [row.key_name for row in rows(tersus.database)] == ["own", "other"]


def test_a_budget_holds_when_requests_come_together(
    start: Any, key: Callable[..., str], llm: ScriptedLLM
) -> None:
    # One question reserves 2 x 200 + 256 + 128 tokens and a few of its own, and spends 209.
    token = key("small", monthly_tokens=1800)
    client = start()
    llm.delay = 0.1

    def ask(_: int) -> int:
        status: int = client.post("/v1/query", json=ASKED, headers=bearer(token)).status_code
        return status

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(ask, range(6)))
    assert statuses == [200, 200, 402, 402, 402, 402]
    assert len(llm.asked) == 2
    # What was reserved and not spent is free again.
    assert ask(0) == 200
    llm.error = ConnectionError()
    assert ask(0) == 502
    llm.error = None
    assert ask(0) == 200


def test_a_budget_in_dollars_counts_the_providers_tokens(
    start: Any, key: Callable[..., str], tersus: Tersus
) -> None:
    from tersus.rag.keys import Budgets, authenticate

    token = key("dollars", monthly_cost=Decimal("0.01"))
    client = start()
    streamed = client.post("/v1/query", json={**ASKED, "stream": True}, headers=bearer(token))
    assert "event: done" in streamed.text
    spent = Budgets(tersus.database).spent(authenticate(tersus.database, token).id)
    assert spent.tokens == 209
    assert spent.cost == (200 * Decimal("0.15") + 9 * Decimal("0.6")) / 1_000_000


def test_a_full_room_says_when_to_come_again(start: Any, llm: ScriptedLLM) -> None:
    client: TestClient = start(max_at_once=1)
    llm.delay = 0.5
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: client.post("/v1/query", json=ASKED), range(3)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200, 429, 429]
    busy = next(answer for answer in answers if answer.status_code == 429)
    assert busy.json()["error"]["code"] == "overloaded"
    assert int(busy.headers["retry-after"]) >= 1
