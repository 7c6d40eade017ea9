"""The questions of which something needed was lost, for a person to read and sort."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ...compressors import Compressor, ExtractiveCompressor, Passage, Span
from ..data import Example, Offsets, to_passages
from .measure import Measured, Outcome, kept_whole
from .oracle import answer_sentences
from .rank import Ranked, Ranking
from .ranking import ranked
from .run import TargetRow
from .sentence_scores import sentence_scores

__all__ = ["losses"]

Sentence = tuple[int, Offsets]
"""Number of the passage, and characters of its text."""


def losses(row: TargetRow, compressor: Compressor) -> Iterator[dict[str, object]]:
    """One JSON object for each question that lost its answer or a supporting sentence.

    ``lost`` are the needed sentences that were not kept whole: the labelled ones, or, in data without
    labels, those that hold an answer. ``kept`` are the spans kept. Each has its score, where the compressor
    gives any (lost sentences are scored again for it), and a lost one its rank among all that were scored.
    Of a ranking, those questions are told whose first sentence is not a right one:
    ``lost`` are the right ones, ``kept`` what stands before the best of them.
    """
    if isinstance(row.result, Ranked):
        for ranking in row.result.rankings:
            if ranking.reciprocal_rank is not None and ranking.reciprocal_rank < 1:
                yield {**_head(row, ranking.example), **_misranked(ranking)}
    elif isinstance(row.result, Measured):
        for outcome in row.result.outcomes:
            recalls = (outcome.scores.answer_recall, outcome.scores.support_recall)
            if any(recall is not None and recall < 1 for recall in recalls):
                yield {**_head(row, outcome.example), **_lost(outcome, compressor)}


def _head(row: TargetRow, example: Example) -> dict[str, object]:
    return {
        "part": row.part.name,
        "compressor": row.compressor,
        "id": example.id,
        "question": example.question,
        "answers": list(example.answers),
    }


def _lost(outcome: Outcome, compressor: Compressor) -> dict[str, object]:
    example, result = outcome.example, outcome.compression
    labelled = [(i, s) for i, p in enumerate(example.passages) for s in p.supporting_spans or ()]
    needed = labelled or [(i, s) for i, run in answer_sentences(example) for s in run]
    lost = [(i, s) for i, s in dict.fromkeys(needed) if kept_whole(result.passages[i], s) is False]
    spans = _scored(example, compressor)
    every = sorted((span.score for found in spans for span in found), reverse=True)
    described = []
    for i, sentence in lost:
        score = sentence_scores([sentence], spans[i])[0]
        rank = None if score is None else 1 + sum(other > score for other in every)
        described.append({**_told(example, (i, sentence), score), "rank": rank, "of": len(every)})
    selects = isinstance(compressor, ExtractiveCompressor)
    return {
        "answer_recall": outcome.scores.answer_recall,
        "support_recall": outcome.scores.support_recall,
        "kept_share": result.kept,
        "lost": described,
        "kept": [
            _told(example, (i, (span.start, span.end)), span.score if selects else None)
            for i, passage in enumerate(result.passages)
            for span in passage.kept or ()
        ],
    }


def _scored(example: Example, compressor: Compressor) -> list[list[Span]]:
    passages: list[Passage] = to_passages(example)
    if not isinstance(compressor, ExtractiveCompressor):
        return [[] for _ in passages]
    return [list(found) for found in compressor.score(example.question, passages)]


def _misranked(ranking: Ranking) -> dict[str, object]:
    order = ranked(ranking.scores)
    first = next(place for place, position in enumerate(order) if position in ranking.right)
    told = [_told(ranking.example, ranking.sentences[i], ranking.scores[i]) for i in order]
    return {
        "average_precision": ranking.average_precision,
        "reciprocal_rank": ranking.reciprocal_rank,
        "lost": [
            {**told[place], "rank": place + 1, "of": len(order)}
            for place, position in enumerate(order)
            if position in ranking.right
        ],
        "kept": told[:first],
    }


def _told(example: Example, sentence: Sentence, score: float | None) -> dict[str, object]:
    number, (start, end) = sentence
    passage = example.passages[number]
    return {
        "passage": number,
        "title": passage.title,
        "text": passage.text[start:end],
        "score": score if score is None or math.isfinite(score) else None,
    }
