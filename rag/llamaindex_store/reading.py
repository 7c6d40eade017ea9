"""Nodes and chunk ids from SQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores.types import MetadataFilters
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from ..ledger import ChunkRepository
from ..ledger.nodes import NodeRepository
from ..ledger.tables import Collection
from ..search.filter_sql import matching_ids
from .chunk_nodes import chunk_id_of, chunk_node
from .filters import document_filter, filtered_ids
from .nodes import node_from

__all__ = ["chosen_ids", "ids_of_nodes", "read_nodes"]


def read_nodes(session: Session, chunk_ids: Sequence[int]) -> dict[int, BaseNode]:
    """The nodes of these chunks in the order asked, by chunk id; those that are gone are left out."""
    stored = NodeRepository(session).contents(chunk_ids)
    others = [chunk_id for chunk_id in chunk_ids if chunk_id not in stored]
    nodes: dict[int, BaseNode] = {
        chunk.id: chunk_node(chunk) for chunk in ChunkRepository(session).get(others)
    }
    nodes.update((chunk_id, node_from(*parts)) for chunk_id, parts in stored.items())
    return {chunk_id: nodes[chunk_id] for chunk_id in chunk_ids if chunk_id in nodes}


def ids_of_nodes(session: Session, collection: Collection, node_ids: Iterable[str]) -> list[int]:
    """The chunk ids of these nodes, in their order, each once; those that are not there are left out."""
    wanted = list(dict.fromkeys(node_ids))
    repository = NodeRepository(session)
    found = repository.chunk_ids(collection, wanted)
    ingested = {chunk_id_of(node_id): node_id for node_id in wanted if node_id not in found}
    numbers = [chunk_id for chunk_id in ingested if chunk_id is not None]
    nodes = repository.contents(numbers)  # those go by an id of their own
    for chunk in ChunkRepository(session).get(numbers):
        if chunk.collection_id == collection.id and chunk.id not in nodes:
            found[ingested[chunk.id]] = chunk.id
    return [found[node_id] for node_id in wanted if node_id in found]


def chosen_ids(
    session: Session,
    collection: Collection,
    *,
    node_ids: Iterable[str] | None = None,
    doc_ids: list[str] | None = None,
    filters: MetadataFilters | None = None,
) -> NDArray[np.int64] | None:
    """Ids of the chunks that all of these allow, ascending; None where none of them says anything."""
    sets = [filtered_ids(session, collection, filters)]
    if node_ids is not None:
        sets.append(np.unique(np.array(ids_of_nodes(session, collection, node_ids), dtype=np.int64)))
    if doc_ids is not None:
        sets.append(matching_ids(session, collection, document_filter(doc_ids)))
    chosen: NDArray[np.int64] | None = None
    for one in sets:
        if one is not None:
            chosen = one if chosen is None else np.intersect1d(chosen, one, assume_unique=True)
    return chosen
