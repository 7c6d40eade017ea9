"""``crag-summary``: sentences clustered by meaning, and a summary of every cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Literal

from ...errors import InvalidInput
from ..base import Compressor, Draft, Task
from ..budget import CalibrationMissing
from ..ranking import Ranking
from ..select import TOLERANCE
from ..similarity import Embedder
from ..summarise.choose import load_summariser
from ..summarise.extractive import ExtractiveSummariser
from ..summarise.types import Summariser, Summary
from ..task import join_reasons
from ..types import CompressedPassage, SourcedSentence
from .cluster import Clusterer
from .grouping import Grouped, Grouping
from .jobs import jobs_of
from .placing import place, placed

__all__ = ["CragSummaryCompressor"]


class CragSummaryCompressor(Compressor):
    """Clusters the sentences of the retrieved passages and sends a summary of each cluster, with sources.

    Clustered retrieval-augmented generation (Akesson and Santos, 2024) at query time. A summary's
    sentences stand in the place of the first passage that they came from and name all of them; the other
    passages are dropped. What keep patterns protect is sent as it is, before all summaries. The adaptive
    budget is that of :class:`CragCompressor`.

    Args:
        model: an alias (``minilm``), a hub name or a folder of a sentence-embedding model.
        summariser: ``extractive``, ``local``, ``seq2seq:NAME`` or an instance of your own.
        embedder: used instead of ``model`` where given.
        clusters: how many; None chooses by silhouette.
        most_clusters: the most that are tried where ``clusters`` is None.
        sentences: how many sentences of mean length the adaptive budget's summaries may come to.
        read: the most sentences of a cluster that the summariser reads, the best ones.
        same: cosine from which two sentences say the same; of those one is read before all others.
        query_weight: from 0 to 1, how much nearness to the question counts beside centrality; without a
            question it counts nothing.
        seed: of k-means.
        clusterer: does the clustering instead of k-means.

    Raises:
        InvalidInput: a setting out of range, or an unknown summariser.
    """

    name: ClassVar[str] = "crag-summary"
    kind: ClassVar[Literal["extractive", "abstractive"]] = "abstractive"
    summary: ClassVar[str] = (
        "Clusters of like sentences, a summary of each, with sources: for repeated opinions"
    )
    paper: ClassVar[str | None] = "Akesson and Santos, 2024, arXiv:2406.00029"
    speed: ClassVar[str] = "medium"
    needs_query: ClassVar[bool] = False

    def __init__(
        self,
        model: str = "minilm",
        *,
        summariser: str | Summariser = "extractive",
        embedder: Embedder | None = None,
        clusters: int | None = None,
        most_clusters: int = 4,
        sentences: int = 8,
        read: int = 32,
        same: float = 0.95,
        query_weight: float = 0.75,
        seed: int = 0,
        clusterer: Clusterer | None = None,
    ) -> None:
        if isinstance(read, bool) or not isinstance(read, int) or read < 1:
            raise InvalidInput(
                f"read is a whole number of at least 1, not {read!r}", hint="32 is a good value"
            )
        self.model: str = model
        self.grouping = Grouping(
            model, embedder, clusters, most_clusters, sentences, same, query_weight, seed, clusterer
        )
        self.read = read
        if summariser == "extractive":
            self.summariser: Summariser = ExtractiveSummariser(embedder, model=model, duplicate=same)
        else:
            self.summariser = load_summariser(summariser)

    @property
    def fingerprint(self) -> str:
        """Compressor, embedding model, summariser and settings."""
        return f"{self.name}:{self.grouping.fingerprint}:read={self.read}:{self.summariser.fingerprint}"

    def _compress_batch(self, tasks: Sequence[Task]) -> Sequence[Draft]:
        for task in tasks:
            if task.budget.risk is not None:
                raise CalibrationMissing(
                    f"{self.name} scores no sentences, so that no calibration can bound its risk",
                    hint="give ratio or max_tokens, or use crag",
                )
        whole = [_keeps_all(task) for task in tasks]
        grouped = [None if reason else self.grouping.group(t) for t, reason in zip(tasks, whole, strict=True)]
        limits = [0 if g is None else self._limit(t, g) for t, g in zip(tasks, grouped, strict=True)]
        jobs = [
            [] if g is None or not g.sentences else jobs_of(t, g, limit, self.read)
            for t, g, limit in zip(tasks, grouped, limits, strict=True)
        ]
        asked = [one.job for some in jobs for one in some]
        answers = iter(self.summariser.summarise(asked) if asked else [])
        drafts = []
        for task, reason, g, limit, some in zip(tasks, whole, grouped, limits, jobs, strict=True):
            if g is None:
                drafts.append(Draft([CompressedPassage.whole(p) for p in task.passages], reason))
                continue
            summaries = [next(answers) for _ in some]
            said = [s for one, summary in zip(some, summaries, strict=True) for s in one.sourced(summary)]
            draft = _draft(task, g, limit, said, _fallbacks(summaries))
            drafts.append(replace(draft, overhead_tokens=sum(one.tokens_used for one in summaries)))
        return drafts

    def _limit(self, task: Task, grouped: Grouped) -> int:
        if task.budget.max_tokens is not None:
            return task.budget.max_tokens
        if task.budget.ratio is not None:
            return int(task.budget.ratio * task.tokens_before)
        return self.grouping.size(task, len(grouped.sentences))


def _keeps_all(task: Task) -> str | None:
    budget = task.budget
    if budget.ratio == 1:
        return "ratio=1 keeps everything"
    if budget.max_tokens is not None and task.tokens_before <= budget.max_tokens:
        return f"the context has {task.tokens_before} tokens and fits into max_tokens={budget.max_tokens}"
    return None


def _draft(
    task: Task, grouped: Grouped, limit: int, said: Sequence[SourcedSentence], reason: str | None
) -> Draft:
    protected = _protected(task, grouped)
    if task.budget.adaptive:
        chosen = place(task, said, limit, protected)
    else:
        chosen = place(task, [*protected, *said], limit)
    if not chosen:
        reason = join_reasons(f"no sentence of a summary fits into {limit} tokens", reason)
        if task.budget.max_tokens is None and grouped.sentences:
            best = grouped.sentences[int(grouped.scores.argmax())]
            chosen = [SourcedSentence(best.text, (best.passage,))]
    passages = placed(task, chosen)
    return Draft(passages, join_reasons(reason, _missed(task, passages)))


def _missed(task: Task, passages: Sequence[CompressedPassage]) -> str | None:
    """Where a ratio was missed by more than two points: that, in words."""
    if task.budget.ratio is None:
        return None
    share = task.tokens(passages) / task.tokens_before
    if abs(share - task.budget.ratio) <= TOLERANCE:
        return None
    return f"the summaries come to {share:.0%} of the tokens, not to {task.budget}"


def _protected(task: Task, grouped: Grouped) -> list[SourcedSentence]:
    """What keep patterns touch, and what that brings, verbatim; neighbours in one piece, as they stood."""
    ranking = Ranking(task, grouped.candidates(len(task.passages)), joined=True)
    if not ranking.protected:
        return []
    kept = ranking.passages(ranking.with_companions(ranking.protected))
    return [
        SourcedSentence(one.source.text[span.start : span.end], (number,))
        for number, one in enumerate(kept)
        for span in one.kept or []
    ]


def _fallbacks(summaries: Sequence[Summary]) -> str | None:
    """Why summaries are extractive where another was asked for, each reason with its number."""
    reasons = [summary.fallback for summary in summaries if summary.fallback]
    if not reasons:
        return None
    kinds = "; ".join(dict.fromkeys(reasons))
    return f"{len(reasons)} of {len(summaries)} summaries are extractive: {kinds}"
