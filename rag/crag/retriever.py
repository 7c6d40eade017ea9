"""Summaries as the passages of a question."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...compressors import Passage
from ..embedding import embed_query, embedding_fingerprint
from ..ledger import CollectionRepository, Database
from ..ledger.crags import CragRepository, StoredCluster, UnknownCrag
from ..ledger.vectors import unpack_vectors
from ..retrieve import EmbeddingMismatch

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding

__all__ = ["CragRetriever"]


class CragRetriever:
    """In the place of a :class:`Retriever`: answers with stored summaries instead of passages.

    Args:
        database: the ledger.
        embedding: embeds questions.
        group_by: the field that the collection was built by; may be left out where there is one build.
        label: a group, all of whose summaries are the context; None takes the clusters of all groups that
            are nearest to the question.
    """

    def __init__(
        self,
        database: Database,
        embedding: BaseEmbedding,
        *,
        group_by: str | None = None,
        label: str | None = None,
    ) -> None:
        self._database = database
        self._embedding = embedding
        self._group_by = group_by
        self._label = label

    def retrieve(self, question: str, collection: str, top_k: int) -> list[Passage]:
        """Summaries, one passage a cluster: of the group in the order of its clusters, or the ``top_k``
        whose centroids are nearest to the question, best first. ``score`` is the cosine to the question.

        Raises:
            UnknownCollection, UnknownCrag: there are no summaries, or none of this group.
            EmbeddingMismatch: the collection was embedded with another model.
        """
        with self._database.session() as session:
            row = CollectionRepository(session).require(collection)
            repository = CragRepository(session)
            crag = repository.require(row, self._group_by)
            found = repository.centroids(crag, self._label)
            if not found and self._label is not None and self._label not in repository.labels(crag):
                raise UnknownCrag(f"there is no group {self._label!r}", hint="tersus crag show lists them")
            dimension, model = row.dimension, row.embedding_model
        if not found:
            raise UnknownCrag("none of the clusters has a summary", hint="tersus crag build")
        if embedding_fingerprint(self._embedding) != model:
            raise EmbeddingMismatch(
                f"collection {collection!r} was embedded with {model}",
                hint="set TERSUS_EMBEDDING_MODEL to that model",
            )
        scores = unpack_vectors([data for _, _, data in found], dimension) @ embed_query(
            self._embedding, question
        )
        order = range(len(found)) if self._label is not None else np.argsort(-scores, kind="stable")[:top_k]
        chosen = [(*found[i][:2], float(scores[i])) for i in order]
        with self._database.session() as session:
            clusters = CragRepository(session).clusters([number for number, _, _ in chosen])
        # One that a build replaced since is left out: what is sent is never stale.
        return [_passage(name, clusters[n], score) for n, name, score in chosen if n in clusters]


def _passage(label: str, cluster: StoredCluster, score: float) -> Passage:
    return Passage(
        text=" ".join(text for text, _ in cluster.sentences),
        id=f"crag:{cluster.id}",
        title=label,
        document_id=f"crag:{cluster.id}",
        score=score,
        metadata={"group": label, "passages": len(cluster.members)},
    )
