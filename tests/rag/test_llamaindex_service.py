"""The node postprocessor through a service, and with a ledger of its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.schema import ImageNode, NodeWithScore, QueryBundle, TextNode
from sqlalchemy import text
from tersus.eval.load.server import Served
from tersus.rag.ledger import Database
from tersus.rag.llamaindex import METADATA_KEY, TersusPostprocessor
from tersus.rag.llamaindex_service import TersusServicePostprocessor

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.rag.fakes import only_row, rows

QUESTION = QueryBundle("What pulls the sea?")
TEXTS = [
    "The moon pulls the sea twice a day. Sailors keep a table of the tides in a drawer of the chart room.",
    "Bread rises by yeast. The oven must be hot. Salt slows the yeast down a little. Butter is optional.",
]


def nodes() -> list[NodeWithScore]:
    made = [
        NodeWithScore(node=TextNode(text=text, id_=f"n{n}", metadata={"page": n}), score=1.0 - n / 10)
        for n, text in enumerate(TEXTS)
    ]
    return [*made, NodeWithScore(node=ImageNode(text="a picture", id_="p"), score=0.1)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("service")
    environment = {
        "TERSUS_TOKENIZER": "cl100k", "TERSUS_COMPRESSOR": "similarity", "TERSUS_SERVE_WARM": "false",
        "TERSUS_COMPRESS_TIMEOUT": "120",  # the first request loads its model, slowly on a busy machine
    }  # fmt: skip
    with Served(home, environment) as made:
        yield made


def shrunk(found: list[NodeWithScore], given: list[NodeWithScore]) -> dict[str, Any]:
    """What must hold of shrunk nodes; the account of the first."""
    ids = [node.node.node_id for node in given]
    kept = [node.node.node_id for node in found]
    assert kept == [one for one in ids if one in kept]
    assert kept[-1] == "p"
    assert [node.node.get_content() for node in given] == [*TEXTS, "a picture"]
    assert all(METADATA_KEY not in node.node.metadata for node in given)
    for node in found[:-1]:
        number = int(node.node.node_id[1:])
        account = node.node.metadata[METADATA_KEY]
        spans = [TEXTS[number][s["start"] : s["end"]] for s in account["kept"]]
        assert node.node.get_content() == " ".join(spans)
        assert node.node.metadata["page"] == number
        assert node.score == 1.0 - number / 10
        assert account["tokens_after"] < account["tokens_before"]
    first: dict[str, Any] = found[0].node.metadata[METADATA_KEY]
    return first


def test_a_service_does_the_work_and_writes_the_row(served: Served) -> None:
    database = Database(f"sqlite:///{served.home / 'tersus.db'}")
    before = len(rows(database))
    processor = TersusServicePostprocessor(base_url=served.url, ratio=0.5)
    given = nodes()
    account = shrunk(processor.postprocess_nodes(given, QUESTION), given)
    given = nodes()
    again = shrunk(asyncio.run(processor.apostprocess_nodes(given, QUESTION)), given)
    made = {row.id: row for row in rows(database)[before:]}
    assert {account["query_id"], again["query_id"]} == made.keys()
    assert account["kept"] == again["kept"]
    assert made[account["query_id"]].tokens_after == account["tokens_after"]
    assert made[account["query_id"]].endpoint == "/v1/compress"


def test_without_a_service_the_nodes_stay(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    processor = TersusServicePostprocessor(base_url="http://127.0.0.1:9", ratio=0.5)
    given = nodes()
    assert processor.postprocess_nodes(given, QUESTION) == given
    assert "the original nodes are used" in caplog.text
    assert processor.postprocess_nodes([], QUESTION) == []
    with pytest.raises(ValueError, match="ratio"):
        TersusServicePostprocessor(ratio=7)


def test_a_ledger_gets_one_row_a_call(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    address = f"sqlite:///{tmp_path}/own.db"
    processor = TersusPostprocessor(compressor="similarity", ratio=0.5, ledger=address)
    given = nodes()
    account = shrunk(processor.postprocess_nodes(given, QUESTION), given)
    row = only_row(Database(address))
    assert (row.kind, row.question, row.outcome) == ("compress", QUESTION.query_str, "compressed")
    assert (row.tokens_before, row.tokens_after) == (account["tokens_before"], account["tokens_after"])
    with Database(address).session(write=True) as session:
        session.execute(text("DROP TABLE queries"))
    given = nodes()
    assert processor.postprocess_nodes(given, QUESTION) == given
    assert "cannot be written" in caplog.text
