"""VectorStoreIndex over the store: insert, delete, refresh, persist, other processes, async."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import (
    Document,
    StorageContext,
    VectorStoreIndex,
    load_index_from_storage,
)
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.llms import MockLLM
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import MetadataMode, NodeRelationship, RelatedNodeInfo, TextNode
from tersus.rag import Tersus
from tersus.rag.llamaindex import TersusPostprocessor
from tersus.rag.llamaindex_store import TersusVectorStore

from tests.rag.fakes import HashedEmbedding
from tests.rag.llamaindex_store.store_fakes import bare, cosine, where

MODEL = HashedEmbedding()
TEXTS = {
    "tides": "The moon pulls the sea. Tides follow the moon twice a day.",
    "bread": "Bread rises by yeast. The oven must be hot.",
    "rust": "Iron rusts in wet air. Zinc keeps iron from rusting.",
}


def documents() -> list[Document]:
    return [Document(id_=key, text=text, metadata={"key": key}) for key, text in TEXTS.items()]


def index_over(store: TersusVectorStore) -> VectorStoreIndex:
    splitter = SentenceSplitter(chunk_size=20, chunk_overlap=4)
    return VectorStoreIndex.from_vector_store(store, embed_model=MODEL, transformations=[splitter])


def found(index: VectorStoreIndex, question: str, **values: Any) -> list[tuple[str | None, float]]:
    """Documents and scores; scores are checked against the model's own vectors."""
    nodes = index.as_retriever(similarity_top_k=20, **values).retrieve(question)
    for one in nodes:
        text = one.node.get_content(metadata_mode=MetadataMode.EMBED)
        assert one.score == pytest.approx(cosine(MODEL._vector(question), MODEL._vector(text)), abs=1e-6)
    assert nodes == sorted(nodes, key=lambda one: -(one.score or 0))
    return [(one.node.ref_doc_id, one.score or 0.0) for one in nodes]


def test_insert_retrieve_delete(store: TersusVectorStore) -> None:
    index = index_over(store)
    assert found(index, "iron") == []
    for document in documents():
        index.insert(document)
    assert {document for document, _ in found(index, "iron")} == set(TEXTS)
    assert found(index, "Zinc keeps iron from rusting.")[0][0] == "rust"
    for node in store.get_nodes():
        assert isinstance(node, TextNode)
        whole = TEXTS[node.ref_doc_id or ""]
        assert whole[node.start_char_idx : node.end_char_idx] == node.text
    only = where("key", "==", "bread")
    assert {document for document, _ in found(index, "iron", filters=only)} == {"bread"}
    assert {document for document, _ in found(index, "iron", doc_ids=["tides"])} == {"tides"}
    index.delete_ref_doc("rust")
    assert {document for document, _ in found(index, "iron")} == {"tides", "bread"}
    index.delete_nodes([node.node_id for node in store.get_nodes(filters=only)])
    assert {document for document, _ in found(index, "iron")} == {"tides"}


def test_an_index_made_of_nodes_and_a_storage_context(store: TersusVectorStore, tmp_path: Path) -> None:
    nodes = SentenceSplitter(chunk_size=20, chunk_overlap=0).get_nodes_from_documents(documents())
    context = StorageContext.from_defaults(vector_store=store)
    index = VectorStoreIndex(nodes, storage_context=context, embed_model=MODEL)
    assert [bare(node) for node in store.get_nodes()] == nodes
    before = found(index, "wet air")
    context.persist(str(tmp_path / "storage"))
    again = StorageContext.from_defaults(
        persist_dir=str(tmp_path / "storage"),
        vector_store=TersusVectorStore("notes", tersus=store.client),
    )
    loaded = load_index_from_storage(again, embed_model=MODEL)
    assert isinstance(loaded, VectorStoreIndex)
    assert found(loaded, "wet air") == before
    status = store.client.store.status("notes")
    assert (status.current, status.problem) == (True, None)


def test_refresh_and_update_replace_a_document(store: TersusVectorStore) -> None:
    index = index_over(store)
    assert index.refresh_ref_docs(documents()) == [True, True, True]
    before = {node.node_id for node in store.get_nodes()}
    changed = [*documents()[:2], Document(id_="rust", text="Gold never rusts.", metadata={"key": "rust"})]
    assert index.refresh_ref_docs(changed) == [False, False, True]
    after = store.get_nodes()
    rust = [node.get_content() for node in after if node.ref_doc_id == "rust"]
    assert rust == ["Gold never rusts."]
    assert {node.node_id for node in after if node.ref_doc_id != "rust"} < before
    index.update_ref_doc(Document(id_="tides", text="No moon, no tides."))
    assert [node.get_content() for node in store.get_nodes() if node.ref_doc_id == "tides"] == [
        "No moon, no tides."
    ]


def test_an_ingestion_pipeline_writes_into_the_store(store: TersusVectorStore) -> None:
    pipeline = IngestionPipeline(
        transformations=[SentenceSplitter(chunk_size=20, chunk_overlap=0), MODEL], vector_store=store
    )
    nodes = pipeline.run(documents=documents())
    assert [bare(node) for node in nodes] == store.get_nodes()
    assert {document for document, _ in found(index_over(store), "iron")} == set(TEXTS)


async def test_the_same_without_waiting(store: TersusVectorStore) -> None:
    index = index_over(store)
    for document in documents():
        await index.ainsert(document)
    retriever = index.as_retriever(similarity_top_k=20)
    assert await retriever.aretrieve("wet air") == retriever.retrieve("wet air")
    assert await store.aget_nodes() == store.get_nodes()
    await index.adelete_ref_doc("rust")
    assert {node.ref_doc_id for node in await store.aget_nodes()} == {"tides", "bread"}
    await store.adelete_nodes(filters=where("key", "==", "bread"))
    assert {node.ref_doc_id for node in await store.aget_nodes()} == {"tides"}
    await store.aclear()
    assert await retriever.aretrieve("wet air") == []


def test_a_query_engine_compresses_what_the_store_finds(store: TersusVectorStore) -> None:
    index = index_over(store)
    for document in documents():
        index.insert(document)
    engine = index.as_query_engine(
        llm=MockLLM(), similarity_top_k=3, node_postprocessors=[TersusPostprocessor(ratio=0.6, timeout=120)]
    )
    response = engine.query("What keeps iron from rusting?")
    assert response.source_nodes
    assert response.source_nodes[0].node.metadata["tersus"]["compressor"] == "exit"
    assert "keeps iron from rusting" in str(response)


PROGRAM = """
import sys
from llama_index.core.vector_stores.types import VectorStoreQuery
from tersus.rag import Settings, Tersus
from tersus.rag.llamaindex_store import TersusVectorStore
home, address, *numbers = sys.argv[1:]
store = TersusVectorStore("notes", tersus=Tersus(Settings(home=home, database_url=address)))
found = store.query(VectorStoreQuery(query_embedding=[float(n) for n in numbers], similarity_top_k=2))
print(*found.ids)
store.delete(found.nodes[0].ref_doc_id)
"""


def test_another_process_sees_and_changes_the_same(
    store: TersusVectorStore, address: str, tmp_path: Path
) -> None:
    for name, vector in (("x", [1.0, 0.0]), ("y", [0.0, 1.0]), ("z", [1.0, 1.0])):
        source = {NodeRelationship.SOURCE: RelatedNodeInfo(node_id=f"doc {name}")}
        store.add([TextNode(id_=name, text=name, embedding=vector, relationships=source)])
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "home"), address, "2", "0.5"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert result.stdout.split() == ["x", "z"]
    assert [node.node_id for node in store.get_nodes()] == ["y", "z"]


def test_a_store_needs_nothing_but_a_name(tersus: Tersus) -> None:
    store = TersusVectorStore("notes")  # in the folder that TERSUS_HOME names
    store.add([TextNode(id_="a", text="Text.", embedding=[1.0, 2.0])])
    assert [node.node_id for node in TersusVectorStore(collection="notes").get_nodes()] == ["a"]
    store.client.close()
    assert TersusVectorStore("notes", tersus=tersus).get_nodes() == []
