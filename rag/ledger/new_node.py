"""What is to be stored of a LlamaIndex node, and under which document it goes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .new_document import MAX_EXTERNAL_ID
from .text import safe_text

__all__ = ["NODES_MEDIA_TYPE", "NewNode", "document_key", "is_alone", "node_key"]

NODES_MEDIA_TYPE = "application/vnd.tersus.llamaindex-nodes"
"""Marks documents that consist of nodes: they grow and shrink node by node."""

_ALONE, _HASHED = "node:", "sha256:"


@dataclass(frozen=True, slots=True)
class NewNode:
    """A node with its embedding; ``vector`` has shape ``(dimension of the collection,)``.

    ``content`` is the node as ASCII JSON, as a rule without its text. ``start`` is the offset of the text
    in the document that it was cut from, in characters, where that is known. ``meta`` is what filters see.
    """

    node_id: str
    ref_doc_id: str | None
    title: str
    text: str
    vector: NDArray[np.float32]
    content: str
    meta: Mapping[str, Any] = field(default_factory=dict)
    start: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", safe_text(self.title))
        object.__setattr__(self, "text", safe_text(self.text))

    @property
    def document(self) -> str:
        """The external id of its document; a node that names no document has one of its own."""
        if self.ref_doc_id is not None:
            return document_key(self.ref_doc_id)
        alone = _ALONE + self.node_id
        return alone if _fits(alone) else _ALONE + _hashed(alone)


def node_key(node_id: str) -> str:
    """What `NodeRow.key` holds for a node id, which may be any string."""
    return hashlib.sha256(node_id.encode("utf-8", "surrogatepass")).hexdigest()


def document_key(ref_doc_id: str) -> str:
    """The external id of the document that LlamaIndex calls ``ref_doc_id``: the same wherever possible.

    Ids that the database cannot hold, or that look like those given here, are hashed, so that no two
    of them become one.
    """
    plain = _fits(ref_doc_id) and not ref_doc_id.startswith((_ALONE, _HASHED))
    return ref_doc_id if plain else _hashed(ref_doc_id)


def is_alone(external_id: str) -> bool:
    """Whether a document's external id stands for a node that names no document."""
    return external_id.startswith(_ALONE)


def _fits(external_id: str) -> bool:
    if not external_id or safe_text(external_id) != external_id:
        return False
    return len(external_id.encode()) <= MAX_EXTERNAL_ID


def _hashed(external_id: str) -> str:
    return _HASHED + node_key(external_id)
