"""A Tersus on each database, and a store over it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tersus.rag import Tersus
from tersus.rag.ledger import Database
from tersus.rag.llamaindex_store import TersusVectorStore

from tests.rag import fakes


@pytest.fixture
def tersus(database: Database, address: str, tmp_path: Path) -> Iterator[Tersus]:
    settings = fakes.settings(tmp_path / "home", database_url=address)
    with Tersus(settings, embedding=fakes.HashedEmbedding()) as made:
        yield made


@pytest.fixture
def store(tersus: Tersus) -> TersusVectorStore:
    return TersusVectorStore("notes", tersus=tersus)
