"""What one question comes to: scores of the context, and of a reader's answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...compressors import CompressedPassage, Compression, render_context
from ..bench_run import score
from ..data import Example
from ..metrics import answer_recall, exact_match, f1, support_fbeta
from ..metrics.rouge import rouge1, rouge2

__all__ = ["METRICS", "answer_scores", "context_scores", "failed_scores"]

METRICS: Mapping[str, str] = {
    "answer_recall": "answer_recall/1", "support_recall": "support_recall/1",
    "support_precision": "support_precision/1", "support_f1": "support_f1/1", "support_f2": "support_f2/1",
    "em": "exact_match/1", "f1": "f1/1", "rouge1": "rouge1/1", "rouge2": "rouge2/1",
    "cosine": "cosine/1", "judge": "judge/1",
}  # fmt: skip
"""Scores of a record by name, with the metric and its version."""

Scores = dict[str, float | None]


def context_scores(example: Example, result: Compression) -> Scores:
    """Of what is sent. None where a metric does not apply."""
    found = score(example, result)
    recall, precision = found.support_recall, found.support_precision
    # Nothing kept: there is no precision, and the harmonic mean is 0 whatever it might be.
    bottom = 0.0 if recall is not None and precision is None else precision
    return {
        "answer_recall": found.answer_recall,
        "support_recall": recall,
        "support_precision": precision,
        "support_f1": support_fbeta(recall, bottom, 1.0),
        "support_f2": support_fbeta(recall, bottom, 2.0),
    }


def failed_scores(example: Example) -> Scores:
    """Of a question on which the compressor failed: 0 wherever the metric applies, so that it is not lost
    from a mean."""
    from ...compressors import Passage

    passages = [Passage(text=p.text, title=p.title) for p in example.passages]
    whole = render_context([CompressedPassage.whole(p) for p in passages])
    labelled = any(p.supporting_spans for p in example.passages)
    support = 0.0 if labelled else None
    return {
        "answer_recall": 0.0 if answer_recall(example.answers, whole) == 1.0 else None,
        "support_recall": support,
        "support_precision": None,
        "support_f1": support,
        "support_f2": support,
    }


def answer_scores(example: Example, answer: str | None, embed: Any = None) -> Scores:
    """Of an answer (None: there is none, because something failed) against the gold answers.

    ``cosine``: the best over the gold answers of the cosine of both embeddings (all-MiniLM-L6-v2), 0..1
    after values below 0 are cut off.
    """
    answers = example.answers
    if not answers:
        return dict.fromkeys(("em", "f1", "rouge1", "rouge2", "cosine"))
    if answer is None:
        nothing: Scores = dict.fromkeys(("em", "f1", "rouge1", "rouge2", "cosine"), 0.0)
        return nothing
    return {
        "em": exact_match(answer, answers),
        "f1": f1(answer, answers),
        "rouge1": rouge1(answer, answers),
        "rouge2": rouge2(answer, answers),
        "cosine": embed(answer, answers) if embed is not None and answer else 0.0,
    }
