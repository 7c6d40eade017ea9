"""Several workers over one PostgreSQL: they share keys, idempotency, budgets and the ledger."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from tersus.eval.load.server import Served
from tersus.eval.load.upstream import Upstream
from tersus.rag.keys import KeyRepository
from tersus.rag.ledger import Database, schema

from tests.rag.fakes import rows
from tests.rag.ledger.databases import new_address
from tests.service.http.conftest import bearer

__all__ = ["new_address"]

DOCUMENT = {
    "id": "d",
    "text": "The moon pulls the sea. Tides follow it twice a day. Sailors keep a table.",
}
ASKED = {"query": "What pulls the sea?", "collection": "docs", "top_k": 1}


@pytest.mark.parametrize("new_address", ["postgres"], indirect=True)
@pytest.mark.postgres
def test_two_workers_are_one_service(new_address: Callable[[], str], tmp_path: Path) -> None:
    address = new_address()
    database = Database(address)
    schema.upgrade(database)
    with database.session(write=True) as session:
        admin, _ = KeyRepository(session).create("admin", ["admin"])
        # 200 tokens of a passage, 256 of marks and 128 of answer are reserved, 107 spent: two fit at once.
        small, _ = KeyRepository(session).create("small", ["read"], monthly_tokens=1300)
    with Upstream(delay=1.5) as upstream:
        environment = {
            "TERSUS_DATABASE_URL": address, "TERSUS_LLM_BASE_URL": upstream.url, "TERSUS_LLM_MODEL": "fake",
            "TERSUS_TOKENIZER": "cl100k", "TERSUS_COMPRESSOR": "similarity",
            "TERSUS_SERVE_WARM": "false", "TERSUS_COMPRESS_TIMEOUT": "120",
        }  # fmt: skip
        with (
            Served(tmp_path / "home", environment, workers=2) as served,
            httpx.Client(base_url=served.url, timeout=60, headers=bearer(admin)) as http,
        ):
            http.post("/v1/collections", json={"name": "docs"}).raise_for_status()
            http.post("/v1/collections/docs/documents", json={"documents": [DOCUMENT]}).raise_for_status()

            def ask(headers: dict[str, str]) -> Any:
                # A connection of its own: whichever worker takes it.
                return httpx.post(f"{served.url}/v1/query", json=ASKED, headers=headers, timeout=60)

            with ThreadPoolExecutor(8) as pool:
                answers = list(pool.map(ask, [bearer(admin)] * 8))
                assert [answer.status_code for answer in answers] == [200] * 8
                assert len(rows(database)) == 8
                once = {**bearer(admin), "idempotency-key": "k"}
                first = ask(once).json()
                assert [answer.json() for answer in pool.map(ask, [once] * 4)] == [first] * 4
                assert len(rows(database)) == 9
                upstream.mode = "slow"
                statuses = sorted(answer.status_code for answer in pool.map(ask, [bearer(small)] * 6))
            assert statuses == [200, 200, 402, 402, 402, 402]
            assert {row.id for row in rows(database)} >= {answer.json()["id"] for answer in answers}
    database.close()
