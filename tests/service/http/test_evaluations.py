"""``/v1/evaluations`` and the pages over it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi.testclient import TestClient
from tersus.rag import Tersus
from tersus.rag.ledger.evaluations import EvaluationRepository

from tests.service.http.conftest import bearer

FIGURES = {
    "identity": {"spec": "abc"}, "sizes": {"d": 3, "e": 4}, "cells": [],
    "recommendations": [{"text": "d: exit adaptive: 81% fewer tokens"}],
}  # fmt: skip


def store(tersus: Tersus, name: str = "first", folder: str = "/runs/1") -> str:
    with tersus.database.session(write=True) as session:
        return EvaluationRepository(session).add(name, folder, FIGURES, f"<!doctype html><h1>{name}</h1>")


def test_runs_are_listed_newest_first_and_shown(client: TestClient, tersus: Tersus) -> None:
    assert client.get("/v1/evaluations").json() == {"evaluations": []}
    first, second = store(tersus), store(tersus, "second", "/runs/2")
    found = client.get("/v1/evaluations").json()["evaluations"]
    assert [run["id"] for run in found] == [second, first]
    assert found[1]["questions"] == 7
    assert found[1]["recommendations"] == ["d: exit adaptive: 81% fewer tokens"]
    assert client.get(f"/v1/evaluations/{first}").json()["figures"] == FIGURES
    report = client.get(f"/v1/evaluations/{first[:12]}/report")
    assert report.text == "<!doctype html><h1>first</h1>"
    assert "sandbox" in report.headers["content-security-policy"]
    assert "default-src 'none'" in report.headers["content-security-policy"]


def test_a_folder_reported_again_replaces_its_run(client: TestClient, tersus: Tersus) -> None:
    store(tersus)
    again = store(tersus, "again")
    assert [run["id"] for run in client.get("/v1/evaluations").json()["evaluations"]] == [again]


def test_what_is_not_there_is_a_404_in_the_error_form(client: TestClient) -> None:
    for path in ("", "/report"):
        response = client.get(f"/v1/evaluations/{'0' * 32}{path}")
        assert response.status_code == 404
        assert response.json()["error"]["code"] == "unknown_evaluation"


def test_a_key_bound_to_collections_sees_none(start: Any, tersus: Tersus, key: Callable[..., str]) -> None:
    identity = store(tersus)
    token = key("bound", ("read",), collections=["corpus"])
    client = start()
    for path in ("", f"/{identity}", f"/{identity}/report"):
        assert client.get(f"/v1/evaluations{path}").status_code == 401
        assert client.get(f"/v1/evaluations{path}", headers=bearer(token)).status_code == 403


def test_the_pages_show_them(client: TestClient, tersus: Tersus) -> None:
    assert "No run was stored yet" in client.get("/evaluations").text
    identity = store(tersus, "<b>bold</b>")
    page = client.get("/evaluations").text
    assert "&lt;b&gt;bold" in page
    assert f'href="/evaluations/{identity}"' in page
    report = client.get(f"/evaluations/{identity}")
    assert report.text.startswith("<!doctype html>")
    assert "sandbox" in report.headers["content-security-policy"]
    assert client.get("/evaluations/nothing").status_code == 404
