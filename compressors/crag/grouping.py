"""What both compressors begin with: the sentences of a task, clustered and put in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..similarity import Embedder
from ..task import Task
from ..types import Span
from .central import score_sentences
from .cluster import Clusterer, Clusters, cluster
from .options import check_options
from .sentences import Sentence, embed, sentences_of, vectors_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["SHARE", "Grouped", "Grouping"]

SHARE = 0.5
"""The most that the adaptive budget keeps: less than two sentences for each one kept are no cluster."""


@dataclass(frozen=True, slots=True)
class Grouped:
    """``scores``: float64 [sentences], see :func:`score_sentences`; ``clusters`` are theirs."""

    sentences: Sequence[Sentence]
    clusters: Clusters
    scores: NDArray[np.float64]

    def candidates(self, passages: int) -> list[list[Span]]:
        """The sentences as scored spans, for each passage."""
        found: list[list[Span]] = [[] for _ in range(passages)]
        for sentence, score in zip(self.sentences, self.scores, strict=True):
            found[sentence.passage].append(Span(sentence.start, sentence.end, float(score)))
        return found


class Grouping:
    """How to cluster, and how to order; the arguments are those of :class:`CragCompressor`.

    Raises:
        InvalidInput: a setting out of range.
    """

    def __init__(
        self,
        model: str,
        embedder: Embedder | None,
        clusters: int | None,
        most_clusters: int,
        sentences: int,
        same: float,
        query_weight: float,
        seed: int,
        clusterer: Clusterer | None,
    ) -> None:
        check_options(
            clusters=clusters,
            most_clusters=most_clusters,
            sentences=sentences,
            same=same,
            query_weight=query_weight,
            seed=seed,
        )
        self.model = model
        self.embedder = embedder or embed(model)
        self.clusters = clusters
        self.most_clusters = most_clusters
        self.sentences = sentences
        self.same = same
        self.query_weight = query_weight
        self.seed = seed
        self.clusterer = clusterer

    @property
    def fingerprint(self) -> str:
        """The embedding model and the settings that scores depend on."""
        k = f"1..{self.most_clusters}" if self.clusters is None else str(self.clusters)
        return f"{self.model}:k={k}:same={self.same:g}:query={self.query_weight:g}:seed={self.seed}"

    def group(self, task: Task) -> Grouped:
        """The sentences of all passages, clustered together."""
        import numpy as np

        sentences = sentences_of(task)
        if not sentences:
            return Grouped([], cluster(np.empty((0, 1), np.float32)), np.empty(0))
        vectors, query = vectors_of(sentences, task.query, self.embedder)
        clusters = cluster(
            vectors,
            self.clusters,
            self.seed,
            candidates=range(1, self.most_clusters + 1),
            clusterer=self.clusterer,
        )
        scores = score_sentences(vectors, clusters, query, query_weight=self.query_weight, same=self.same)
        return Grouped(sentences, clusters, scores)

    def size(self, task: Task, sentences: int) -> int:
        """Tokens of the adaptive budget: as many as ``self.sentences`` sentences of mean length have, or
        one for each cluster where more are asked for; at most half. However many sentences
        there are, it is the same: this is what keeps the context flat."""
        most = max(self.sentences, self.clusters or 0)
        return max(1, round(task.tokens_before * min(most / max(sentences, 1), SHARE)))
