"""``tersus serve`` as a process: starts, answers, finishes what it holds when it is stopped."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path
from typing import Any

import httpx
from tersus.eval.load.server import Served, free_port
from tersus.eval.load.upstream import Upstream
from tersus.service.cli import app
from typer.testing import CliRunner

DOCUMENT = {"id": "d", "text": "The moon pulls the sea. Tides follow the moon twice a day."}


def test_a_service_that_is_stopped_finishes_what_it_holds(tmp_path: Path) -> None:
    with Upstream(delay=1.5) as upstream:
        environment = {
            "TERSUS_LLM_BASE_URL": upstream.url,
            "TERSUS_LLM_MODEL": "fake",
            "TERSUS_TOKENIZER": "cl100k",
            "TERSUS_COMPRESSOR": "similarity",
            "TERSUS_SERVE_WARM": "false",
        }
        served = Served(tmp_path / "home", environment).start()
        with httpx.Client(base_url=served.url, timeout=30) as http:
            http.post("/v1/collections", json={"name": "docs"}).raise_for_status()
            body: dict[str, Any] = {"documents": [DOCUMENT]}
            http.post("/v1/collections/docs/documents", json=body).raise_for_status()
            upstream.mode = "slow"
            answers: list[httpx.Response] = []
            asked = {"query": "What pulls the sea?", "collection": "docs"}
            asking = threading.Thread(target=lambda: answers.append(http.post("/v1/query", json=asked)))
            asking.start()
            deadline = time.monotonic() + 20
            while not upstream.calls and time.monotonic() < deadline:
                time.sleep(0.01)
            assert served.stop() in (0, -15)  # ended by the signal, after it finished
            asking.join()
            assert answers[0].status_code == 200
            assert answers[0].json()["answer"] == "It says so in the passages."
    # Every line of the log is JSON, and none of them holds what was asked.
    lines = [json.loads(line) for line in served.log().splitlines()]
    assert any(line.get("route") == "/v1/query" and line["status"] == 200 for line in lines)
    assert "moon" not in served.log()


def test_what_cannot_be_served_is_said_at_once(tmp_path: Path) -> None:
    run = CliRunner().invoke
    home = ["--home", str(tmp_path / "home")]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = run(app, [*home, "serve", "--port", str(taken.getsockname()[1])])
    assert (result.exit_code, "port_taken" in result.stderr or "cannot be listened on" in result.stderr) == (
        1,
        True,
    )
    result = run(app, [*home, "serve", "--workers", "2", "--port", str(free_port())])
    assert result.exit_code == 1
    assert "PostgreSQL" in result.stderr
    result = run(app, [*home, "serve", "--host", "0.0.0.0", "--port", str(free_port())])  # noqa: S104
    assert result.exit_code == 1
    assert "tersus keys create" in result.stderr
