"""Chunks that Tersus ingested, and passages that it retrieved, as LlamaIndex nodes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llama_index.core.schema import NodeRelationship, ObjectType, RelatedNodeInfo, TextNode

from ...compressors import Passage

if TYPE_CHECKING:
    from ..ledger.tables import Chunk

__all__ = ["chunk_id_of", "chunk_node", "chunk_node_id", "passage_node"]

_NODE_ID = re.compile(r"tersus-chunk-([0-9]{1,18})", re.ASCII)


def chunk_node_id(chunk_id: int) -> str:
    """The node id of a chunk that was ingested, not added as a node."""
    return f"tersus-chunk-{chunk_id}"


def chunk_id_of(node_id: str) -> int | None:
    """The chunk id in a node id that `chunk_node_id` made; None for any other."""
    found = _NODE_ID.fullmatch(node_id)
    return int(found[1]) if found else None


def chunk_node(chunk: Chunk) -> TextNode:
    """A chunk, loaded with its document, as a node: its source is the document, with offsets into it."""
    return _node(
        chunk_node_id(chunk.id),
        chunk.text,
        title=chunk.title,
        document_id=chunk.document.external_id,
        start=chunk.start,
        metadata={**chunk.document.meta, **chunk.meta, "document_title": chunk.document.title},
    )


def passage_node(passage: Passage) -> TextNode:
    """A retrieved passage as a node; ids are those of `chunk_node` where the passage is one chunk."""
    return _node(
        chunk_node_id(int(passage.id)) if passage.id.isdecimal() else passage.id or None,
        passage.text,
        title=passage.title,
        document_id=passage.document_id,
        start=passage.offset,
        metadata=passage.metadata,
    )


def _node(
    node_id: str | None,
    text: str,
    *,
    title: str,
    document_id: str | None,
    start: int | None,
    metadata: Mapping[str, Any],
) -> TextNode:
    values = {**metadata, **({"title": title} if title else {})}
    # Tersus embeds and sends a passage with its title and nothing else.
    hidden = [key for key in values if key != "title"]
    node = TextNode(
        text=text,
        metadata=values,
        start_char_idx=start,
        end_char_idx=None if start is None else start + len(text),
        excluded_llm_metadata_keys=hidden,
        excluded_embed_metadata_keys=hidden,
    )
    if node_id is not None:
        node.id_ = node_id
    if document_id is not None:
        source = RelatedNodeInfo(node_id=document_id, node_type=ObjectType.DOCUMENT)
        node.relationships[NodeRelationship.SOURCE] = source
    return node
