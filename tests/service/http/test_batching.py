"""The service over batches: full queues are 429, who is given up frees its place, gauges tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tersus.compressors import Passage
from tersus.rag import Settings, Tersus
from tersus.service.http.app import create_app
from tersus.service.http.config import ServeConfig
from tersus.service.http.serving import application

from tests.rag.batching.crowd import Crowd, Slices, until
from tests.rag.fakes import HashedEmbedding, ScriptedLLM, rows


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    made = Crowd()
    yield made
    made.close()


@pytest.fixture
def slices() -> Slices:
    return Slices(closed=True)


@pytest.fixture
def tersus(tmp_path: Path, slices: Slices) -> Iterator[Tersus]:
    settings = Settings(home=tmp_path / "home", tokenizer="cl100k", compressor="slices", batch_queue=1)
    with Tersus(settings, llm=ScriptedLLM(), embedding=HashedEmbedding(), serving=True) as made:
        made.share(slices)
        yield made


def start(tersus: Tersus, **config: Any) -> TestClient:
    return TestClient(create_app(tersus, ServeConfig(warm=False, **config)))


def body(query: str) -> dict[str, Any]:
    return {"query": query, "passages": ["Tides follow the moon. Spring tides come at new and full moon."]}


def waiting(tersus: Tersus, count: int) -> None:
    until(lambda: tersus.gauges()["compress_queue_length"] == count)


def test_a_full_queue_is_429_with_retry_after_and_has_its_row(
    tersus: Tersus, slices: Slices, crowd: Crowd
) -> None:
    with start(tersus) as client:
        held = crowd.call(client.post, "/v1/compress", json=body("held"))
        assert slices.gate.entered.wait(10)
        waits = crowd.call(client.post, "/v1/compress", json=body("waits"))
        waiting(tersus, 1)
        refused = client.post("/v1/compress", json=body("one more"))
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "overloaded")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        metrics = client.get("/metrics").text
        assert "tersus_compress_queue_length 1.0" in metrics
        assert "tersus_compress_refused 1.0" in metrics
        slices.gate.open.set()
        assert [one.result(10).json()["outcome"] for one in (held, waits)] == ["compressed"] * 2
        assert "tersus_compress_batched_requests 2.0" in client.get("/metrics").text
        again = client.post("/v1/compress", json=body("held")).json()
        assert again["context"] == held.result(10).json()["context"]
        assert "tersus_cache_hits 1.0" in client.get("/metrics").text
    outcomes = {row.question: (row.outcome, row.error_code) for row in rows(tersus.database)}
    assert outcomes["one more"] == ("failed", "overloaded")
    assert outcomes["waits"] == ("compressed", None)


def test_a_request_whose_time_is_up_leaves_the_queue_and_nobody_works_for_it(
    tersus: Tersus, slices: Slices, crowd: Crowd
) -> None:
    compressor = tersus.compressor()
    with start(tersus, request_timeout=0.2) as client:
        passages = [Passage(text="A text.")]
        crowd.call(compressor.compress, "held", passages)
        assert slices.gate.entered.wait(10)
        late = client.post("/v1/compress", json=body("late"))
        assert (late.status_code, late.json()["error"]["code"]) == (504, "time_limit")
        waiting(tersus, 0)
        slices.gate.open.set()
        crowd.close()
    assert slices.batches == [["held"]]
    until(lambda: [row.error_code for row in rows(tersus.database)] == ["cancelled"])


def test_tersus_serve_serves_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERSUS_HOME", str(tmp_path))
    monkeypatch.setenv("TERSUS_SERVE_WARM", "false")
    with TestClient(application()) as client:
        assert "tersus_compress_queue_length 0.0" in client.get("/metrics").text
