"""The whole OpenAPI, fuzzed a little; `make fuzz` does it at length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient
from pydantic import BaseModel
from tersus.service.fuzz import Service, fuzz, service
from tersus.service.http.app import create_app
from tersus.service.http.config import ServeConfig


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("fuzz")) as made:
        yield made


@pytest.mark.parametrize("who", ["admin", "bound", "nobody"])
def test_nothing_that_is_sent_is_answered_otherwise_than_documented(fuzzed: Service, who: str) -> None:
    token = {"admin": fuzzed.admin, "bound": fuzzed.bound}.get(who)
    found = fuzz(fuzzed.app, {"Authorization": f"Bearer {token}"} if token else {}, examples=4)
    assert found.findings == []
    assert found.requests > 80
    assert {"admin": 200, "bound": 403, "nobody": 401}[who] in found.statuses


def test_the_fuzzer_finds_what_is_wrong(fuzzed: Service) -> None:
    class Out(BaseModel):
        number: int

    router = APIRouter()

    @router.get("/v1/broken", response_model=Out)
    def broken(say: int = 0) -> Any:
        return 1 / 0 if say else Out(number=1)

    @router.get("/v1/undocumented")
    def undocumented() -> Any:
        from fastapi.responses import PlainTextResponse

        return PlainTextResponse("text", 418)

    app = create_app(fuzzed.tersus, ServeConfig(warm=False), routers=[router])
    found = fuzz(lambda: app, {}, examples=8)
    words = "\n".join(found.findings)
    assert "GET /v1/broken: 500" in words
    assert "GET /v1/undocumented: 418" in words
    assert "GET /v1/undocumented: 418 without a key" in words


def test_every_operation_has_a_short_name_and_says_what_may_go_wrong(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    names = set()
    for path, methods in schema["paths"].items():
        for operation in methods.values():
            assert operation["summary"], path
            if path.startswith("/v1/"):
                names.add(operation["operationId"])
                assert {"401", "403", "422", "500", "503"} <= operation["responses"].keys(), path
                body = operation["responses"]["401"]["content"]["application/json"]["schema"]["$ref"]
                assert body.endswith("/ErrorBody")
    assert {"query", "compress", "retrieve", "chat", "savings", "add_documents", "get_job"} <= names
    assert all(len(name) <= 24 and "__" not in name for name in names)
