"""Nodes into rows and back: what comes out equals what went in."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llama_index.core.schema import (
    BaseNode,
    Document,
    ImageDocument,
    ImageNode,
    IndexNode,
    MetadataMode,
    Node,
    TextNode,
)

from ...errors import InvalidInput
from ...indexes.checks import as_unit_vectors
from ..ledger.new_node import NewNode
from ..ledger.text import safe_json, safe_text
from .chunk_nodes import chunk_id_of
from .errors import InvalidNode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["new_nodes", "node_from"]

_CLASSES: Sequence[type[BaseNode]] = (ImageDocument, Document, ImageNode, IndexNode, TextNode, Node)
"""Subclasses before their bases: a class of the user's own comes back as the nearest of these."""
_MEDIA = ("image_resource", "audio_resource", "video_resource", "text_resource")


def new_nodes(nodes: Sequence[BaseNode]) -> list[NewNode]:
    """What the ledger stores of each node; embeddings are scaled to length 1, as everywhere in SQL.

    Raises:
        InvalidNode: something that is no node, without an embedding, or with values that JSON lacks.
        InvalidVectors: embeddings of different lengths, NaN, infinity, only zeros.
    """
    for node in nodes:
        _check(node)
    vectors = _vectors(nodes)
    return [_new_node(node, vector) for node, vector in zip(nodes, vectors, strict=True)]


def node_from(content: str, text: str) -> BaseNode:
    """The node that was stored with this ``content``; ``text`` is that of its chunk. It has no embedding."""
    stored = json.loads(content)
    values = stored["node"]
    for holder in stored["text_in"]:
        if holder == "text":
            values["text"] = text
        else:
            values[holder]["text"] = text
    kind = next((one for one in _CLASSES if one.__name__ == stored["class"]), TextNode)
    node: BaseNode = kind.from_dict(values)
    for medium, data in stored["data"].items():
        getattr(node, medium).data = data.encode("ascii")
    return node


def _check(node: Any) -> None:
    if not isinstance(node, BaseNode):
        raise InvalidNode(f"{type(node).__name__} is no node", hint="give nodes of llama_index.core.schema")
    if not node.embedding:
        raise InvalidNode(
            f"node {_short(node.node_id)} has no embedding",
            hint="add nodes through VectorStoreIndex, or set node.embedding",
        )
    if chunk_id_of(node.node_id) is not None:
        raise InvalidNode(
            f"the node id {node.node_id!r} names a chunk that was ingested",
            hint="give the node another id, or ingest the document again",
        )


def _vectors(nodes: Sequence[BaseNode]) -> NDArray[np.float32]:
    rows = [node.get_embedding() for node in nodes]
    for node, row in zip(nodes, rows, strict=True):
        if len(row) != len(rows[0]):
            raise InvalidNode(
                f"the embedding of node {_short(node.node_id)} has {len(row)} numbers, "
                f"that of {_short(nodes[0].node_id)} has {len(rows[0])}",
                hint="embed all nodes with one model",
            )
    return as_unit_vectors(rows, len(rows[0]) if rows else 1, "the nodes' embeddings")


def _new_node(node: BaseNode, vector: NDArray[np.float32]) -> NewNode:
    text = node.get_content(metadata_mode=MetadataMode.NONE)
    try:
        _refuse_nan(node.metadata)
        values: dict[str, Any] = node.model_dump(mode="json")
        meta = safe_json(values["metadata"])
    except InvalidInput:
        raise
    except Exception as error:  # whatever pydantic or an object's own serialiser raises
        raise InvalidNode(
            f"node {_short(node.node_id)} cannot be written as JSON: {error}",
            hint="use text, numbers, booleans, None, lists and dictionaries in its metadata",
        ) from error
    values["embedding"] = None
    content = {
        "class": _class_of(node),
        "text_in": list(_take_text(values, text)),
        "data": dict(_binary(node)),
        "node": values,
    }
    title = node.metadata.get("title") or node.metadata.get("document_title") or ""
    return NewNode(
        node_id=node.node_id,
        ref_doc_id=node.ref_doc_id,
        title=str(title),
        text=text,
        vector=vector,
        content=json.dumps(content, ensure_ascii=True),
        meta=meta,
        start=_start(node, text),
    )


def _class_of(node: BaseNode) -> str:
    return next((kind.__name__ for kind in _CLASSES if isinstance(node, kind)), TextNode.__name__)


def _take_text(values: dict[str, Any], text: str) -> Iterator[str]:
    """Remove the text, which the chunk holds, and say from where; it stays where the chunk's differs."""
    if not text or safe_text(text) != text:
        return
    if values.get("text") == text:
        values["text"] = ""
        yield "text"
    resource = values.get("text_resource")
    if isinstance(resource, dict) and resource.get("text") == text:
        resource["text"] = ""
        yield "text_resource"


def _binary(node: BaseNode) -> Iterator[tuple[str, str]]:
    """Pictures and recordings in memory, as base64: LlamaIndex leaves them out of its JSON."""
    for medium in _MEDIA:
        resource = getattr(node, medium, None)
        if resource is not None and getattr(resource, "data", None):
            yield medium, resource.data.decode("ascii")


def _start(node: BaseNode, text: str) -> int | None:
    start, end = getattr(node, "start_char_idx", None), getattr(node, "end_char_idx", None)
    return start if start is not None and end == start + len(text) else None


def _refuse_nan(value: Any) -> None:
    """pydantic would write None for it: refuse, rather than lose it."""
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidNode(
            f"the metadata holds {value}, which is no JSON number", hint="use None where there is no value"
        )
    if isinstance(value, Mapping):
        for one in value.values():
            _refuse_nan(one)
    elif isinstance(value, (list, tuple, set)):
        for one in value:
            _refuse_nan(one)


def _short(node_id: str) -> str:
    return repr(node_id if len(node_id) <= 40 else node_id[:40] + "…")
