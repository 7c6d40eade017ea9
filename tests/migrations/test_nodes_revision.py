"""The revision that brings nodes: nothing that was there is touched, on the way up and down."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sqlalchemy import inspect, select
from tersus.rag.ledger import CollectionRepository, schema
from tersus.rag.ledger.engine import Database
from tersus.rag.ledger.new_node import NewNode
from tersus.rag.ledger.nodes import NodeRepository
from tersus.rag.ledger.tables import Chunk, NodeRow

from tests.rag.fakes import DIMENSION, delete_documents, fill


def test_nodes_come_with_the_fifth_revision_and_stay_as_chunks_without_it(blank_database: Database) -> None:
    schema.upgrade(blank_database, "0004")
    assert "nodes" not in inspect(blank_database.engine).get_table_names()
    fill(blank_database, "corpus")
    schema.upgrade(blank_database, "0005")
    new = [
        NewNode(name, "d", "", f"text of {name}", np.ones(DIMENSION, np.float32), "{}") for name in ("1", "2")
    ]
    with blank_database.session(write=True) as session:
        row = CollectionRepository(session).require("corpus")
        before = session.scalars(select(Chunk.text).order_by(Chunk.id)).all()
        assert NodeRepository(session).put(row, new) == 2
    schema.downgrade(blank_database, "0004")
    assert "nodes" not in inspect(blank_database.engine).get_table_names()
    with blank_database.session() as session:
        after = session.scalars(select(Chunk.text).order_by(Chunk.id)).all()
    assert after == [*before, "text of 1", "text of 2"]
    schema.upgrade(blank_database)
    with blank_database.session(write=True) as session:
        assert NodeRepository(session).put(row, [replace(new[0], ref_doc_id="e")]) == 1
    delete_documents(blank_database, "corpus", "d")
    with blank_database.session(write=True) as session:
        assert len(session.scalars(select(NodeRow.key)).all()) == 1
        CollectionRepository(session).delete("corpus")
        assert session.scalars(select(NodeRow.key)).all() == []
