"""The pages: what they show, to whom, and that nothing in them runs that should not."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tersus.rag import Tersus
from tersus.rag.ledger.overview import overview, percentile
from tersus.service.http.pages.charts import Bar, bars
from tersus.service.http.pages.query_page import marked

from tests.service.http.conftest import bearer, client, key, llm, settings, start, tersus

__all__ = ["client", "key", "llm", "settings", "start", "tersus"]

EVIL = "<script>alert(1)</script>"
ASKED = {"query": f"What pulls the sea? {EVIL}", "collection": "corpus", "top_k": 2, "budget": {"ratio": 0.5}}


def test_an_empty_ledger_says_what_to_do(client: TestClient) -> None:
    page = client.get("/")
    assert "No queries yet" in page.text
    assert "tersus ingest" in page.text
    assert "Nothing here" in client.get("/queries").text


def test_the_api_is_described_by_files_of_our_own(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    loaded = re.findall(r"""(?:src|href|url)\s*[:=]\s*["']([^"']+)["']""", page.text)
    assert loaded
    for address in loaded:
        assert client.get(f"/{address}").status_code == 200, address
    assert client.get("/docs/other.js").status_code == client.get("/redoc").status_code == 404


def test_the_dashboard_shows_the_ledgers_sums(client: TestClient) -> None:
    made = client.post("/v1/query", json=ASKED).json()
    client.post("/v1/query", json={**ASKED, "compress": False})
    for path in ("/", "/?days=1", "/?days=365&collection=corpus", "/?days=nonsense"):
        text = client.get(path).text
        assert f"of {made['tokens_before'] * 2:,} retrieved" in text
        assert "1 compressed · 1 bypassed" in text
        assert "<td>total</td>" in text
    assert "No queries yet" in client.get("/?collection=other").text


def test_a_query_page_marks_what_was_kept(client: TestClient) -> None:
    made = client.post("/v1/query", json=ASKED).json()
    text = client.get(f"/queries/{made['id']}").text
    for passage in made["passages"]:
        for span in passage["kept"]:
            assert f"<mark>{passage['source'][span['start'] : span['end']]}</mark>" in text
    shown = "".join(
        re.findall(r"<(?:mark|del)>(.*?)</(?:mark|del)>", text.partition("left out.")[2], re.DOTALL)
    )
    assert shown == "".join(passage["source"] for passage in made["passages"])
    assert client.get("/queries/nothing").status_code == client.get(f"/queries/{'0' * 32}").status_code == 404


def test_what_users_wrote_is_only_text(client: TestClient) -> None:
    evil = {"query": EVIL, "passages": [{"text": f"{EVIL} One. Two. Three.", "title": EVIL}]}
    made = client.post("/v1/compress", json=evil).json()["id"]
    for path in ("/", "/queries", f"/queries/{made}", f"/queries/{EVIL[:-9]}", "/playground", "/login"):
        page = client.get(path)
        assert EVIL not in page.text, path
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"<script(?! src=\"/static/)|\son\w+=|style=", page.text), path


def test_pages_need_a_key_where_the_api_does(start: Any, key: Callable[..., str]) -> None:
    every, other = key("every"), key("other", collections=["else"])
    writer = key("writer", ["write"])
    client: TestClient = start()
    made = client.post("/v1/query", json=ASKED, headers=bearer(every)).json()["id"]
    for path in ("/", "/queries", f"/queries/{made}", "/playground"):
        answer = client.get(path, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    for wrong in ("tsk_wrong", "", writer):
        assert client.post("/login", data={"key": wrong}).status_code == 401
    answer = client.post("/login", data={"key": every}, follow_redirects=False)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "What pulls the sea?" in client.get(f"/queries/{made}").text
    # The cookie counts for the API only from our own pages.
    assert client.get("/v1/compressors").status_code == 401
    assert client.get("/v1/compressors", headers={"x-tersus-page": "1"}).status_code == 200
    client.post("/logout")
    client.post("/login", data={"key": other})
    assert "No queries yet" in client.get("/").text
    assert client.get(f"/queries/{made}").status_code == 404
    assert "corpus" not in client.get("/playground").text


def test_static_files_are_those_that_are_there(client: TestClient) -> None:
    assert client.get("/static/style.css").headers["content-type"].startswith("text/css")
    for name in ("..%2frouter.py", "router.py", "%2e%2e"):
        assert client.get(f"/static/{name}").status_code == 404


@pytest.mark.parametrize("sent", [[], [0], [1], [7, 0, 1_234_567], [3] * 90])
def test_bars_stay_inside_their_picture(sent: list[int]) -> None:
    chart = bars([Bar(str(n), value, value // 2) for n, value in enumerate(sent)])
    for one in chart.bars:
        assert chart.left <= one.x <= one.x + one.width <= chart.width
        assert 0 <= one.removed_y <= one.sent_y <= chart.height
        assert one.removed_y + one.removed_height == pytest.approx(one.sent_y, abs=0.02)
    assert 2 <= len(chart.lines) <= 6
    if sum(sent):
        assert chart.lines[-1][1] >= max(value + value // 2 for value in sent)


def test_percentiles_are_of_the_nearest_rank(tersus: Tersus, client: TestClient) -> None:
    assert [percentile([1, 2, 3, 4], share) for share in (0.25, 0.5, 0.51, 0.99)] == [1, 2, 3, 4]
    client.post("/v1/query", json=ASKED)
    with tersus.database.session() as session:
        found = overview(session)
    assert [one.step for one in found.steps] == ["retrieve", "compress", "llm", "total"]
    assert all(one.p50 == one.p99 and one.count == 1 for one in found.steps)


def test_texts_that_the_ledger_does_not_hold_are_not_marked() -> None:
    kept = [{"start": 2, "end": 4}]
    assert marked({"text": "abcdef", "kept": kept}) == [(False, "ab"), (True, "cd"), (False, "ef")]
    assert marked({"text": "abcdef", "kept": []}) == [(False, "abcdef")]
    assert (
        marked({"text": "sha", "kept": [{"start": 0, "end": 90}]}) == marked({"text": "", "kept": []}) == []
    )
