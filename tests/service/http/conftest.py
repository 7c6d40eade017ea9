"""The service over a small corpus, with a fake embedding and a fake language model."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tersus.rag import Settings, Tersus
from tersus.rag.keys import KeyRepository
from tersus.service.http.app import create_app
from tersus.service.http.config import ServeConfig

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.rag.fakes import FirstSentence, HashedEmbedding, ScriptedLLM, fill, usage
from tests.rag.ledger.databases import address, blank_database, database, new_address

__all__ = ["address", "blank_database", "database", "new_address"]

Start = Callable[..., TestClient]


@pytest.fixture
def llm() -> ScriptedLLM:
    """Answers 'The moon.', counting 200 tokens of prompt and 9 of answer."""
    return ScriptedLLM(raw=usage(200, completion=9))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home of the test's own; the first and third sentence of each passage stay."""
    return Settings(home=tmp_path / "home", tokenizer="cl100k", compressor="first_sentence")


@pytest.fixture
def tersus(settings: Settings, llm: ScriptedLLM) -> Iterator[Tersus]:
    """Tersus over an SQLite file, with the corpus of ``tests/rag/fakes`` as collection ``corpus``."""
    with Tersus(settings, llm=llm, embedding=HashedEmbedding(), background=False) as made:
        made.share(FirstSentence())
        fill(made.database)
        yield made


@pytest.fixture
def start(tersus: Tersus) -> Iterator[Start]:
    """Start the service with a configuration; stopped at the end."""
    started: list[TestClient] = []

    def begin(**config: Any) -> TestClient:
        app = create_app(tersus, ServeConfig(warm=False, **config))
        client = TestClient(app, raise_server_exceptions=False)
        client.__enter__()
        started.append(client)
        return client

    yield begin
    for client in started:
        client.__exit__(None, None, None)


@pytest.fixture
def client(start: Start) -> TestClient:
    """The service as it is by default, without keys."""
    return start()


@pytest.fixture
def key(tersus: Tersus) -> Callable[..., str]:
    """Make an API key; from then on requests need one."""

    def make(name: str = "ci", *scopes: Any, **options: Any) -> str:
        with tersus.database.session(write=True) as session:
            token, _ = KeyRepository(session).create(name, *scopes, **options)
        return token

    return make


def bearer(token: str) -> dict[str, str]:
    """The header that shows a key."""
    return {"Authorization": f"Bearer {token}"}
