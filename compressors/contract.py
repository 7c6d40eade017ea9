"""What every compressor promises of its result, checked on each one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from ..errors import TersusError
from .task import Task
from .types import CompressedPassage, Span

__all__ = ["ContractViolation", "check_passages", "check_scores"]


class ContractViolation(TersusError):
    """A compressor returned something that the contract rules out: a defect in that compressor."""

    code = "compressor_contract"


def check_passages(task: Task, passages: Sequence[CompressedPassage], name: str) -> None:
    """Refuse passages that are not those of the task, each reduced to spans of its text or rewritten."""
    if len(passages) != len(task.passages):
        raise ContractViolation(f"{name} returned {len(passages)} passages for {len(task.passages)}")
    for given, got in zip(task.passages, passages, strict=True):
        if got.source is not given:
            raise ContractViolation(f"{name} changed the order or the source of its passages")
        if got.kept is None:
            _check_sources(got, len(task.passages), name)
            continue
        check_scores(got.kept, name)
        last = 0
        for span in got.kept:
            if span.start < last or span.end > len(given.text):
                raise ContractViolation(f"{name} kept spans that overlap or reach beyond their passage")
            last = span.end
        if got.text != " ".join(given.text[s.start : s.end] for s in got.kept):
            raise ContractViolation(f"{name} sent text that is not the spans it kept")


def _check_sources(got: CompressedPassage, count: int, name: str) -> None:
    if got.text != " ".join(s.text for s in got.sentences):
        raise ContractViolation(f"{name} rewrote a passage without saying where each sentence came from")
    if not all(s.passages and all(0 <= n < count for n in s.passages) for s in got.sentences):
        raise ContractViolation(f"{name} wrote a sentence whose sources are not among the passages")


def check_scores(spans: Iterable[Span], name: str) -> None:
    """Refuse scores that are not finite: they have no order, and JSON and SQL do not take them."""
    if not all(math.isfinite(span.score) for span in spans):
        raise ContractViolation(f"{name} gave a score that is not a finite number")
