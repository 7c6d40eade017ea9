"""Nodes come back equal to those that went in, of every class and with every field."""

from __future__ import annotations

import base64
import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.schema import (
    BaseNode,
    Document,
    ImageDocument,
    ImageNode,
    IndexNode,
    MediaResource,
    Node,
    NodeRelationship,
    RelatedNodeInfo,
    TextNode,
)
from tersus.errors import InvalidInput
from tersus.rag.ledger.text import safe_text
from tersus.rag.llamaindex_store import TersusVectorStore
from tersus.rag.llamaindex_store.errors import InvalidNode
from tersus.rag.llamaindex_store.nodes import new_nodes, node_from

from tests.rag.llamaindex_store.store_fakes import bare

PICTURE = base64.b64encode(b"\x89PNG and more")
RELATIONS: dict[Any, Any] = {
    NodeRelationship.SOURCE: RelatedNodeInfo(node_id="d", metadata={"a": 1}, hash="h"),
    NodeRelationship.NEXT: RelatedNodeInfo(node_id="n2", node_type="1"),
    NodeRelationship.CHILD: [RelatedNodeInfo(node_id="n3"), RelatedNodeInfo(node_id="n4")],
}
FIELDS: dict[str, Any] = {
    "embedding": [3.0, 4.0],
    "metadata": {"title": "T", "n": 1, "deep": {"list": [1.5, None, True]}},
    "excluded_embed_metadata_keys": ["n"],
    "excluded_llm_metadata_keys": ["title"],
    "relationships": RELATIONS,
    "metadata_template": "<{key}|{value}>",
    "metadata_separator": "; ",
    "text_template": "{content} -- {metadata_str}",
}
NODES: list[BaseNode] = [
    TextNode(
        id_="text", text="Some text.", start_char_idx=7, end_char_idx=17, mimetype="text/html", **FIELDS
    ),
    TextNode(id_="empty", text="", **FIELDS),
    TextNode(id_="odd", text="\x00\ud800 odd", **FIELDS),
    Document(id_="document", text="Text.", **FIELDS),
    Node(id_="node", text_resource=MediaResource(text="Text.", mimetype="text/plain"), **FIELDS),
    Node(id_="picture", image_resource=MediaResource(data=PICTURE, mimetype="image/png"), **FIELDS),
    Node(
        id_="all",
        text_resource=MediaResource(text="T", url="https://example.com/a"),  # type: ignore[arg-type]
        audio_resource=MediaResource(path="a.wav"),  # type: ignore[arg-type]
        video_resource=MediaResource(data=b"not base64!", mimetype="video/mp4"),
        **FIELDS,
    ),
    ImageNode(id_="image", text="A caption.", image=PICTURE.decode(), image_mimetype="image/png", **FIELDS),
    ImageDocument(id_="image document", text="C.", image=PICTURE, image_mimetype="image/png", **FIELDS),
    IndexNode(id_="index", text="See there.", index_id="there", obj=TextNode(id_="o", text="x"), **FIELDS),
]


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.node_id)
def test_every_class_comes_back_with_every_field(store: TersusVectorStore, node: BaseNode) -> None:
    assert store.add([node]) == [node.node_id]
    (found,) = store.get_nodes()
    assert type(found) is type(node)
    assert found == bare(node)
    assert found.hash == node.hash
    assert found.model_dump() == bare(node).model_dump()
    assert found.ref_doc_id == "d"
    for medium in ("image_resource", "audio_resource", "video_resource"):
        there, back = getattr(node, medium, None), getattr(found, medium, None)
        assert (there and there.data) == (back and back.data)
    store.delete("d")
    assert store.get_nodes() == []


class Special(TextNode):
    extra: int = 3


def test_a_class_of_ones_own_comes_back_as_the_nearest_of_llamaindex(store: TersusVectorStore) -> None:
    store.add([Special(id_="s", text="Text.", **FIELDS)])
    (found,) = store.get_nodes()
    assert type(found) is TextNode
    assert found == TextNode(id_="s", text="Text.", **{**FIELDS, "embedding": None})


def test_tuples_and_dates_become_what_json_has(store: TersusVectorStore) -> None:
    """As in every vector store of LlamaIndex."""
    store.add([TextNode(text="a", metadata={"t": (1, 2), "d": date(2026, 1, 2)}, embedding=[1.0])])
    (found,) = store.get_nodes()
    assert found.metadata == {"t": [1, 2], "d": "2026-01-02"}


def test_what_cannot_be_written_is_told_with_the_node(store: TersusVectorStore) -> None:
    with pytest.raises(InvalidNode, match="node 'i' cannot be written"):
        store.add([IndexNode(id_="i", text="x", index_id="q", obj=object(), embedding=[1.0])])
    with pytest.raises(InvalidInput):
        store.add([TextNode(text="x", metadata={"s": {1, object}}, embedding=[1.0])])
    assert store.get_nodes() == []


text = st.text(st.characters(exclude_categories=[]), max_size=20)
clean = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | clean,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(clean, inner, max_size=3),
    max_leaves=6,
)


@given(
    text, text, st.dictionaries(clean, json_values, max_size=4), st.none() | clean, st.none() | st.integers()
)
def test_any_text_id_and_metadata_come_back(
    node_id: str, content: str, metadata: dict[str, Any], document: str | None, start: int | None
) -> None:
    node = TextNode(
        id_=node_id, text=content, metadata=metadata, embedding=[1.0, 2.0], start_char_idx=start,
        end_char_idx=None if start is None else start + len(content),
    )  # fmt: skip
    if document is not None:
        node.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=document)
    (new,) = new_nodes([node])
    assert new.content.isascii()
    assert safe_text(new.content) == new.content  # the database changes nothing
    assert (new.ref_doc_id, new.start) == (document, start)
    assert node_from(new.content, new.text) == bare(node)
    elsewhere = json.dumps([node_id, metadata, document])  # where the very same letters may stand
    repeated = len(content) > 9 and content in new.content and content not in elsewhere
    assert not repeated or safe_text(content) != content
