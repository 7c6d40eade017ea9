"""Readers beside writers: every answer is one that was right at some moment, and nothing is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery
from tersus.rag import Tersus
from tersus.rag.llamaindex_store import TersusVectorStore

from tests.rag.llamaindex_store.store_fakes import where

ROUNDS = 8


def version(writer: int, number: int, round_: int) -> TextNode:
    """A node whose text, metadata and vector all say which version it is."""
    return TextNode(
        id_=f"{writer}-{number}",
        text=f"writer {writer} node {number} round {round_}",
        metadata={"writer": writer, "round": round_},
        embedding=[1.0, round_ / 100, number / 100, writer / 100],
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=f"doc {writer}")},
    )


def test_four_readers_beside_three_writers(tersus: Tersus) -> None:
    store, done = TersusVectorStore("notes", tersus=tersus), Event()
    # One node that always stays, so that the collection is never empty.
    store.add([version(9, 0, 0)])

    def write(writer: int) -> None:
        own = TersusVectorStore("notes", tersus=tersus)
        for round_ in range(ROUNDS):
            own.add([version(writer, number, round_) for number in range(5)])
            if round_ % 3 == 1:
                own.delete(f"doc {writer}")
            elif round_ % 3 == 2:
                own.delete_nodes([f"{writer}-1"], where("writer", "==", writer))
        own.add([version(writer, number, ROUNDS) for number in range(5)])

    def read(reader: int) -> int:
        asked = 0
        while not done.is_set() or asked < 3:
            asked += 1
            writer = asked % 3
            filters = None if reader % 2 else where("writer", "==", writer)
            query = VectorStoreQuery(query_embedding=[1, 0.1, 0.1, 0.1], similarity_top_k=4, filters=filters)
            found = store.query(query)
            assert found.nodes is not None
            assert found.similarities == sorted(found.similarities or [], reverse=True)
            assert len({node.node_id for node in found.nodes}) == len(found.nodes)
            for node in found.nodes:
                who, number = map(int, node.node_id.split("-"))
                assert node.get_content() == version(who, number, node.metadata["round"]).text
                assert filters is None or who == writer
            if filters is None:
                assert found.nodes  # one is always there
        return asked

    with ThreadPoolExecutor(7) as pool:
        writers = [pool.submit(write, number) for number in range(3)]
        readers = [pool.submit(read, number) for number in range(4)]
        try:
            for writer in writers:
                writer.result()
        finally:
            done.set()
        assert all(reader.result() >= 3 for reader in readers)
    right = {f"{w}-{n}": version(w, n, ROUNDS).text for w in range(3) for n in range(5)}
    there = {node.node_id: node.get_content() for node in store.get_nodes()}
    assert there == {**right, "9-0": version(9, 0, 0).text}
    everything = store.query(VectorStoreQuery(query_embedding=[1, 1, 1, 1], similarity_top_k=99))
    assert set(everything.ids or []) == set(there)
