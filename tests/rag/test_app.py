"""Everything wired together from the settings: made when used, on Tersus's own file or a given database."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tersus.compressors import Budget
from tersus.errors import InvalidInput
from tersus.rag import Tersus
from tersus.rag.ingest.readers import ParsedDocument
from tersus.rag.ledger import CollectionRepository, Database, schema
from tersus.rag.ledger.errors import SchemaMissing
from tersus.rag.ledger.savings import savings
from tersus.rag.settings import load_settings

from tests.rag import fakes
from tests.rag.fakes import COUNTER, FirstSentence, HashedEmbedding, ScriptedLLM

QUESTION = "When do spring tides come?"


def documents() -> list[ParsedDocument]:
    return [
        ParsedDocument(name, name.title(), "\n\n".join(chunks), "text/plain", 1)
        for name, chunks in fakes.CORPUS.items()
    ]


def app(home: Path, **values: Any) -> Tersus:
    return Tersus(fakes.settings(home, **values), llm=ScriptedLLM(), embedding=HashedEmbedding())


def test_from_documents_to_an_answer_and_its_row_in_tersus_own_file(tmp_path: Path) -> None:
    with app(tmp_path / "new" / "home") as tersus:
        tersus.ingester.ingest_documents(documents(), "corpus")
        result = tersus.query(QUESTION, "corpus", compressor=FirstSentence(), budget=Budget(ratio=0.5))
        assert result.outcome == "compressed"
        assert result.tokens_after == COUNTER(result.context) < result.tokens_before
        row = fakes.only_row(tersus.database)
        assert (row.id, row.tokens_saved) == (result.id, result.tokens_saved)
        assert row.cost_saved == result.tokens_saved * Decimal("0.15") / 1_000_000
        assert tersus.store.status("corpus").current
    assert (tmp_path / "new" / "home" / "tersus.db").is_file()
    with app(tmp_path / "new" / "home") as again:
        assert again.query(QUESTION, "corpus", compress=False).answer == "The moon."
        with again.database.session() as session:
            assert savings(session).total.queries == 2


async def test_aquery_is_the_pipelines(tmp_path: Path) -> None:
    with app(tmp_path) as tersus:
        tersus.ingester.ingest_documents(documents(), "corpus")
        result = await tersus.aquery(QUESTION, "corpus", compressor=FirstSentence())
        assert fakes.only_row(tersus.database).id == result.id


def test_nothing_is_made_before_it_is_used(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with app(home):
        pass
    assert not home.exists()


def test_a_given_database_is_not_migrated_unasked(
    tmp_path: Path, address: str, new_address: Callable[[], str]
) -> None:
    with (
        app(tmp_path, database_url=address) as tersus,
        pytest.raises(SchemaMissing, match="tersus db upgrade"),
    ):
        _ = tersus.database
    schema.upgrade(Database(address))
    with app(tmp_path, database_url=address) as tersus:
        tersus.ingester.ingest_documents(documents(), "corpus")
        assert tersus.query(QUESTION, "corpus", compress=False).answer == "The moon."
        assert len(fakes.rows(tersus.database)) == 1


def test_settings_come_from_the_environment_where_none_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERSUS_TOP_K", "2")
    assert Tersus().settings == load_settings()
    assert Tersus().settings.top_k == 2


def test_the_context_alone_needs_no_language_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERSUS_MODELS_DIR", str(tmp_path / "none"))
    with Tersus(fakes.settings(tmp_path, tokenizer=None), embedding=HashedEmbedding()) as tersus:
        tersus.ingester.ingest_documents(documents(), "corpus")
        result = tersus.query(QUESTION, "corpus", compressor=FirstSentence(), context_only=True)
        assert (result.answer, result.tokenizer) == (None, "cl100k")
        assert fakes.only_row(tersus.database).kind == "compress"


def test_indexes_are_made_as_the_settings_say(tmp_path: Path) -> None:
    options = {"hnsw": {"train_at": 5, "neighbours": 8}}
    with app(tmp_path, indexes=options, index_memory_mb=7, index_device="cpu") as tersus:
        tersus.ingester.ingest_documents(documents(), "corpus")
        with tersus.database.session(write=True) as session:
            repository = CollectionRepository(session)
            repository.set_index_kind(repository.require("corpus"), "hnsw")
        tersus.store.rebuild("corpus")
        index = tersus.store.open("corpus")[1]
        assert index.kind == "hnsw"
        assert index.options["neighbours"] == 8
        assert tersus.store._settings.memory == 7 * 2**20
    with (
        app(tmp_path, indexes={"hnsw": {"colour": 1}}) as tersus,
        pytest.raises(InvalidInput, match="colour"),
    ):
        tersus.store.rebuild("corpus")
