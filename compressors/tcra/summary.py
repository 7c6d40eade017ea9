"""``tcra-summary``: every passage replaced by a summary of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar, Literal

from ...errors import InvalidInput
from ..base import Draft, Task
from ..extractive import Candidates, ExtractiveCompressor
from ..segment import split
from ..summarise import ExtractiveSummariser, Summariser, Summary, SummaryJob, load_summariser
from ..task import join_reasons
from ..types import CompressedPassage, SourcedSentence, Span
from .verbatim import spans_of

__all__ = ["TcraSummaryCompressor"]


class TcraSummaryCompressor(ExtractiveCompressor):
    """Summarises each passage for itself, at the length that the budget leaves it.

    Summarisation of TCRA-LLM (Liu et al., 2023, section 3.1), with any summariser. By default it needs no
    language model: each passage keeps its most central sentences, verbatim and with their places. With
    one that writes, the same selection says how many tokens each passage may have, and the written summary
    takes its place where it is no longer and nothing protected is lost with it. Where a summary was not to
    be had (see ``tersus.compressors.summarise``), or holds only sentences of the passage, the passage is
    reduced to spans. A language model that fails raises an error.

    The query does not choose the passages; summarisers tell what bears on it. ``max_tokens`` is kept; a ratio
    may be undershot where a model writes less than it was given, and then the reason says so.

    Args:
        summariser: "extractive", "local" (the local language model), "local:NAME", "seq2seq:NAME" (T5,
            BART ...), or an instance: ``GenerativeSummariser(llm)`` takes any LlamaIndex LLM and your prompt.
        share: what the adaptive budget keeps of each passage, in tokens: 0.35 is the paper's.
        model: an alias (``minilm``), a hub name or a folder of the sentence-embedding model that finds
            central sentences.

    Raises:
        InvalidInput: a share that is none, or an unknown summariser.
        SummariserFailed: the language model failed.
        ModelMissing, ModelUnusable: at first use, a local model cannot be loaded.
    """

    name: ClassVar[str] = "tcra-summary"
    kind: ClassVar[Literal["extractive", "abstractive"]] = "abstractive"
    summary: ClassVar[str] = (
        "Each passage summarised: central sentences, or written by a language model and checked"
    )
    paper: ClassVar[str | None] = "Liu et al., 2023, arXiv:2310.15556"
    speed: ClassVar[str] = "fast"
    needs_query: ClassVar[bool] = False

    def __init__(
        self, summariser: str | Summariser = "extractive", *, share: float = 0.35, model: str = "minilm"
    ) -> None:
        if not 0 < share <= 1:
            raise InvalidInput(f"share must be above 0 and at most 1, got {share}")
        self.threshold = 1 - share
        self.model: str = model
        self._ranker = ExtractiveSummariser(model=model)
        self._writer: Summariser | None = None
        if isinstance(summariser, ExtractiveSummariser):
            self._ranker = summariser
        elif summariser != "extractive":
            self._writer = load_summariser(summariser)

    @cached_property
    def fingerprint(self) -> str:
        """Summariser and embedding model."""
        writer = f":{self._writer.fingerprint}" if self._writer else ""
        return f"{self.name}:{self._ranker.fingerprint}{writer}"

    def _score_batch(self, tasks: Sequence[Task]) -> Sequence[Candidates]:
        jobs = [SummaryJob([p.text], task.query) for task in tasks for p in task.passages]
        ranked = iter(self._ranker.rank(jobs))
        return [
            [_scored(task, p.text, [(s.start, s.end) for s in next(ranked)]) for p in task.passages]
            for task in tasks
        ]

    def _compress_batch(self, tasks: Sequence[Task]) -> Sequence[Draft]:
        drafts = super()._compress_batch(tasks)
        if self._writer is None:
            return drafts
        jobs, places = [], []
        for number, (task, draft) in enumerate(zip(tasks, drafts, strict=True)):
            if self._keeps_all(task) is None:
                for i, passage in enumerate(draft.passages):
                    if passage.text:
                        limit = max(1, task.counter(passage.text))
                        jobs.append(SummaryJob([passage.source.text], task.query, limit, task.counter))
                        places.append((number, i))
        summaries = self._writer.summarise(jobs) if jobs else []
        found: list[dict[int, Summary]] = [{} for _ in tasks]
        for (number, i), summary in zip(places, summaries, strict=True):
            found[number][i] = summary
        return [_written(*triple) for triple in zip(tasks, drafts, found, strict=True)]


def _scored(task: Task, text: str, order: Sequence[tuple[int, int]]) -> list[Span]:
    """Segments scored by the share of the passage that is not yet taken when their turn comes.

    The most central one has 1, the others the middle of their own stretch, what repeats them less than 0.
    """
    costs = {(s.start, s.end): task.counter(" " + text[s.start : s.end]) for s in split(text)}
    scores = dict.fromkeys(costs, -1.0)
    total, taken = sum(costs.values()) or 1, 0
    for place in order:
        scores[place] = 1 - (taken + costs[place] / 2) / total if taken else 1.0
        taken += costs[place]
    return [Span(start, end, score) for (start, end), score in scores.items()]


def _written(task: Task, draft: Draft, summaries: dict[int, Summary]) -> Draft:
    """The draft with summaries in the place of passages, as many as stand there and fit."""
    passages = list(draft.passages)
    reasons = [summary.fallback for summary in summaries.values() if summary.fallback]
    most = task.tokens(passages)
    for i, summary in summaries.items():
        if summary.fallback or not summary.sentences:
            continue
        before = passages[i]
        passages[i] = _replaced(before, i, summary)
        if task.tokens(passages) > most or _loses(task, passages[i], before):
            passages[i] = before
            reasons.append("it did not fit or lost what a keep pattern matches")
    reason = None
    if reasons:
        reason = f"{len(reasons)} of {len(summaries)} summaries are extractive, first because: {reasons[0]}"
    ratio, kept = task.budget.ratio, task.tokens(passages) / task.tokens_before
    short = f"the summaries came out shorter than {task.budget}; {kept:.0%} was kept"
    reason = join_reasons(draft.reason, reason, short if ratio and kept < ratio - 0.02 else None)
    return Draft(passages, reason, overhead_tokens=sum(one.tokens_used for one in summaries.values()))


def _replaced(before: CompressedPassage, number: int, summary: Summary) -> CompressedPassage:
    sentences = [sentence.text for sentence in summary.sentences]
    spans = spans_of(before.source.text, sentences)
    if spans is not None:
        return CompressedPassage.of(before.source, spans)
    return CompressedPassage.rewritten(before.source, [SourcedSentence(s, (number,)) for s in sentences])


def _loses(task: Task, after: CompressedPassage, before: CompressedPassage) -> bool:
    lost = task.protection.loss([after])
    return lost is not None and lost != task.protection.loss([before])
