"""One job for the summariser a cluster, and where its texts came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..summarise.types import Summary, SummaryJob
from ..task import Task
from ..types import SourcedSentence
from .grouping import Grouped

__all__ = ["ClusterJob", "jobs_of"]

LEAST = 16
"""Tokens below which a summary says nothing: with less room than this for each, fewer clusters are told."""


@dataclass(frozen=True, slots=True)
class ClusterJob:
    """``passages[i]``: the numbers of the passages in which ``job.texts[i]`` stands."""

    job: SummaryJob
    passages: Sequence[tuple[int, ...]]

    def sourced(self, summary: Summary) -> list[SourcedSentence]:
        """The summary's sentences with the passages that they came from; of unnamed sources, all."""
        everywhere = range(len(self.passages))
        found = []
        for sentence in summary.sentences:
            sources = [i for i in sentence.sources if 0 <= i < len(self.passages)] or everywhere
            numbers = sorted({number for i in sources for number in self.passages[i]})
            if sentence.text.strip():
                found.append(SourcedSentence(sentence.text, tuple(numbers)))
        return found


def jobs_of(task: Task, grouped: Grouped, limit: int, most: int) -> list[ClusterJob]:
    """The clusters' jobs, in the order in which the clusters take their first turn.

    Half of ``limit`` tokens is shared out evenly, half by the clusters' sizes. A cluster gives its ``most``
    best sentences, in reading order, each text once.
    """
    import numpy as np

    labels, scores = grouped.clusters.labels, grouped.scores
    first = [float(scores[labels == c].max()) for c in range(grouped.clusters.k)]
    order = sorted(range(grouped.clusters.k), key=lambda c: -first[c])[: max(1, limit // LEAST)]
    sizes = np.bincount(labels, minlength=grouped.clusters.k)
    total = int(sizes[order].sum())
    jobs = []
    for c in order:
        members = grouped.clusters.members(c)
        best = members[np.argsort(-scores[members], kind="stable")[:most]]
        texts: dict[str, list[int]] = {}
        for i in sorted(best.tolist()):
            sentence = grouped.sentences[i]
            texts.setdefault(sentence.text, [])
        for i in members.tolist():
            sentence = grouped.sentences[i]
            if sentence.text in texts and sentence.passage not in texts[sentence.text]:
                texts[sentence.text].append(sentence.passage)
        tokens = max(1, int(limit * (0.5 / len(order) + 0.5 * sizes[c] / total)))
        job = SummaryJob(tuple(texts), task.query, tokens, task.counter)
        jobs.append(ClusterJob(job, [tuple(numbers) for numbers in texts.values()]))
    return jobs
