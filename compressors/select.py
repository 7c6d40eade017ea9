"""Which spans stay under a budget, given their scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .base import Draft, Task
from .costs import Costs
from .knapsack import best_sets
from .types import CompressedPassage, Passage, Span

__all__ = ["TOLERANCE", "select_above", "select_within"]

TOLERANCE = 0.02
"""How far the share kept may lie from ``Budget.ratio``: 2 points."""


def select_above(task: Task, candidates: Sequence[Sequence[Span]], threshold: float) -> Draft:
    """Every span with a score of at least ``threshold``."""
    passages = [
        _passage(passage, [s for s in spans if s.score >= threshold])
        for passage, spans in zip(task.passages, candidates, strict=True)
    ]
    if not any(p.kept for p in passages):
        return Draft(passages, f"no sentence reached the threshold of {threshold:.3g}")
    if all(len(p) == len([s for s in p if s.score >= threshold]) for p in candidates):
        return Draft(passages, f"every sentence reached the threshold of {threshold:.3g}")
    return Draft(passages)


def select_within(task: Task, candidates: Sequence[Sequence[Span]]) -> Draft:
    """The best spans that ``max_tokens`` or ``ratio`` allows.

    Spans are taken by score as long as they fit, and what is left of the budget is
    filled with lesser ones. ``max_tokens`` is an upper bound. A ratio is a target: where
    this leaves it more than 2 points short, exact combinations are tried (a knapsack).
    All decisions rest on estimates that add up; the rendered text is counted to confirm.
    """
    costs = Costs(task, candidates)
    if task.budget.max_tokens is not None:
        chosen, _ = _fill(task, costs, task.budget.max_tokens)
        reason = None if chosen else f"{task.budget} is less than the shortest sentence needs"
        return Draft(_passages(task, costs, chosen), reason)
    ratio = task.budget.ratio or 0.0
    low, high = (ratio - TOLERANCE) * task.tokens_before, (ratio + TOLERANCE) * task.tokens_before
    chosen, tokens = _fill(task, costs, int(ratio * task.tokens_before))
    met = tokens >= low and bool(chosen)
    if met and costs.best() in chosen:
        return Draft(_passages(task, costs, chosen))
    # Short of the ratio, or the best span did not fit beside it: look for a set that mends this.
    for combination in best_sets(costs, low, high):
        if met and costs.best() not in combination:
            break  # sets come with the best spans first, so none has it
        if low <= _measure(task, costs, combination) <= high:
            return Draft(_passages(task, costs, combination))
    if met:
        return Draft(_passages(task, costs, chosen))
    if not chosen and costs.spans:
        chosen = [costs.best_of_the_short()]
        tokens = _measure(task, costs, chosen)
    share = tokens / task.tokens_before
    reason = f"no combination of whole sentences comes within 2 points of {task.budget}; {share:.0%} was kept"
    return Draft(_passages(task, costs, chosen), reason)


def _fill(task: Task, costs: Costs, limit: int) -> tuple[list[int], int]:
    """Greedy by score under ``limit`` tokens; returns the spans' numbers and their exact tokens."""
    best: list[int] = []
    best_tokens = 0
    aim = limit
    for _ in range(4):  # the estimate's error is nearly constant: correcting the aim by it converges
        chosen = costs.greedy(aim)
        tokens = _measure(task, costs, chosen)
        if best_tokens < tokens <= limit:
            best, best_tokens = chosen, tokens
        corrected = limit - (tokens - costs.estimate(chosen))
        if corrected == aim or not chosen:
            break
        aim = corrected
    while chosen and tokens > limit and not best:
        chosen = sorted(chosen, key=lambda i: (-costs.spans[i].score, i))[:-1]
        tokens = _measure(task, costs, chosen)
    return (best, best_tokens) if best else (chosen, tokens)


def _measure(task: Task, costs: Costs, chosen: Iterable[int]) -> int:
    return task.tokens(_passages(task, costs, chosen))


def _passages(task: Task, costs: Costs, chosen: Iterable[int]) -> list[CompressedPassage]:
    spans: list[list[Span]] = [[] for _ in task.passages]
    for i in sorted(chosen):
        spans[costs.passage[i]].append(costs.spans[i])
    return [_passage(p, s) for p, s in zip(task.passages, spans, strict=True)]


def _passage(passage: Passage, spans: Sequence[Span]) -> CompressedPassage:
    """Neighbours on different lines become one span, so that lists, tables and code keep their lines."""
    merged: list[Span] = []
    for span in spans:
        if merged:
            gap = passage.text[merged[-1].end : span.start]
            if "\n" in gap and not gap.strip():
                merged[-1] = Span(merged[-1].start, span.end, max(merged[-1].score, span.score))
                continue
        merged.append(span)
    return CompressedPassage.of(passage, merged)
