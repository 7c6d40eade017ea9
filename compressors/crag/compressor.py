"""``crag``: sentences clustered by meaning, and the most central of every cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ..base import Draft, Task
from ..costs import Costs
from ..extractive import Candidates, ExtractiveCompressor
from ..ranking import Ranking
from ..similarity import Embedder
from .cluster import Clusterer
from .grouping import Grouping

__all__ = ["CragCompressor"]


class CragCompressor(ExtractiveCompressor):
    """Clusters the sentences of the retrieved passages and lets every cluster speak, the largest most often.

    Clustered retrieval-augmented generation (Akesson and Santos, 2024) at query time: what many passages
    repeat is said once. Each cluster gives its most central sentences instead of a summary, so that all
    that is sent is verbatim (``crag-summary`` writes summaries).

    The adaptive budget is a number of sentences, not a share: it keeps as many tokens as ``sentences``
    sentences of mean length have, whether 20 or 2,000 were retrieved, and of few sentences at most half.
    Repetitions are dropped even where there is room.

    Args:
        model: an alias (``minilm``), a hub name or a folder of a sentence-embedding model.
        embedder: used instead of ``model`` where given.
        clusters: how many; None chooses by silhouette.
        most_clusters: the most that are tried where ``clusters`` is None.
        sentences: how many the adaptive budget keeps, if all had mean length; at least one a cluster.
        same: cosine from which two sentences say the same; of those one is kept before all others.
        query_weight: from 0 to 1, how much nearness to the question counts beside centrality; without a
            question it counts nothing.
        seed: of k-means.
        clusterer: does the clustering instead of k-means.

    Raises:
        InvalidInput: a setting out of range.
    """

    name: ClassVar[str] = "crag"
    summary: ClassVar[str] = (
        "Clusters of like sentences, each with its most central ones: for repeated opinions"
    )
    paper: ClassVar[str | None] = "Akesson and Santos, 2024, arXiv:2406.00029"
    speed: ClassVar[str] = "medium"
    needs_query: ClassVar[bool] = False

    def __init__(
        self,
        model: str = "minilm",
        *,
        embedder: Embedder | None = None,
        clusters: int | None = None,
        most_clusters: int = 4,
        sentences: int = 8,
        same: float = 0.95,
        query_weight: float = 0.75,
        seed: int = 0,
        clusterer: Clusterer | None = None,
    ) -> None:
        self.model: str = model
        self.grouping = Grouping(
            model, embedder, clusters, most_clusters, sentences, same, query_weight, seed, clusterer
        )

    @property
    def fingerprint(self) -> str:
        """Compressor, embedding model and the settings that scores depend on."""
        return f"{self.name}:{self.grouping.fingerprint}"

    def _score_batch(self, tasks: Sequence[Task]) -> Sequence[Candidates]:
        return [self.grouping.group(task).candidates(len(task.passages)) for task in tasks]

    def _select(self, task: Task, candidates: Candidates) -> Draft:
        if not task.budget.adaptive:
            return super()._select(task, candidates)
        ranking = Ranking(task, candidates)
        if not ranking.spans:
            return Draft(ranking.passages([]), "there is no sentence")
        size = self.grouping.size(task, len(ranking.spans))
        new = {i for i, span in enumerate(ranking.spans) if span.score > 0}
        fit = new.intersection(Costs(task, ranking).greedy(size)) or {ranking.order[0][0]}
        chosen = ranking.with_companions(fit | ranking.protected)
        reason = None
        if len(chosen) == len(ranking.spans):
            reason = "there are too few sentences to leave any out"
        return Draft(ranking.passages(chosen), reason)
