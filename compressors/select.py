"""Which spans stay under a budget, given their scores."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .costs import Costs
from .knapsack import best_sets
from .ranking import Ranking
from .task import Draft, Task, join_reasons
from .types import Span

__all__ = ["TOLERANCE", "select_above", "select_within"]

TOLERANCE = 0.02
"""How far the share kept may lie from ``Budget.ratio``: 2 points."""


def select_above(
    task: Task, candidates: Sequence[Sequence[Span]], threshold: float, *, joined: bool = False
) -> Draft:
    """Every span with a score of at least ``threshold``, every protected one, and what they bring."""
    ranking = Ranking(task, candidates, joined=joined)
    above = {i for i, span in enumerate(ranking.spans) if span.score >= threshold}
    chosen = ranking.with_companions(above | ranking.protected)
    reason = None
    if not above:
        reason = f"no sentence reached the threshold of {threshold:.3g}"
        if chosen:
            reason += ", and only what keep patterns match was kept"
    elif len(chosen) == len(ranking.spans):
        reason = f"every sentence reached the threshold of {threshold:.3g}"
        if len(above) < len(chosen):
            reason += " or is protected"
    return Draft(ranking.passages(chosen), reason)


def select_within(task: Task, candidates: Sequence[Sequence[Span]], *, joined: bool = False) -> Draft:
    """The best spans that ``max_tokens`` or ``ratio`` allows.

    Spans are taken in the ranking's order as long as they fit, and what is left of the
    budget is filled with lesser ones. ``max_tokens`` is an upper bound. A ratio is a target: where
    this leaves it more than 2 points short, exact combinations are tried (a knapsack).
    All decisions rest on estimates that add up; the rendered text is counted to confirm.
    ``joined``: neighbours that are both kept become one span.
    """
    ranking = Ranking(task, candidates, joined=joined)
    costs = Costs(task, ranking)
    if task.budget.max_tokens is not None:
        chosen, _ = _fill(task, costs, task.budget.max_tokens)
        reason = None if chosen else f"{task.budget} is less than the shortest sentence needs"
    else:
        chosen, reason = _around(task, costs, task.budget.ratio or 0.0)
    return Draft(ranking.passages(chosen), join_reasons(reason, _without_companions(ranking, chosen)))


def _around(task: Task, costs: Costs, ratio: float) -> tuple[list[int], str | None]:
    """The spans that come within 2 points of ``ratio``, or the nearest below it and the reason."""
    low, high = (ratio - TOLERANCE) * task.tokens_before, (ratio + TOLERANCE) * task.tokens_before
    chosen, tokens = _fill(task, costs, int(ratio * task.tokens_before))
    met = tokens >= low and bool(chosen)
    merit = costs.ranking.merit(chosen)
    if met and merit == (len(costs.ranking.protected), True):
        return chosen, None
    # Short of the ratio, or the best did not fit: look for a set that mends this.
    for combination in best_sets(costs, low, high):
        if met and costs.ranking.merit(combination) <= merit:
            break  # sets come with the best spans first, so none is better
        if low <= _measure(task, costs, combination) <= high:
            return combination, None
    if met:
        return chosen, None
    if not chosen and costs.tokens:
        chosen = [costs.best_of_the_short()]
        tokens = _measure(task, costs, chosen)
    share = tokens / task.tokens_before
    return (
        chosen,
        f"no combination of whole sentences comes within 2 points of {task.budget}; {share:.0%} was kept",
    )


def _fill(task: Task, costs: Costs, limit: int) -> tuple[list[int], int]:
    """Greedy under ``limit`` tokens; returns the spans' numbers and their exact tokens."""
    best: list[int] = []
    best_worth = (0, 0)
    aim = limit
    for _ in range(4):  # the estimate's error is nearly constant: correcting the aim by it converges
        chosen = costs.greedy(aim)
        tokens = _measure(task, costs, chosen)
        worth = (costs.ranking.merit(chosen)[0], tokens)
        if tokens <= limit and worth > best_worth:
            best, best_worth = chosen, worth
        corrected = limit - (tokens - costs.estimate(chosen))
        if corrected == aim or not chosen:
            break
        aim = corrected
    while chosen and tokens > limit and not best:
        chosen = chosen[:-1]  # the last taken is the least wanted
        tokens = _measure(task, costs, chosen)
    return (best, best_worth[1]) if best else (chosen, tokens)


def _measure(task: Task, costs: Costs, chosen: Collection[int]) -> int:
    return task.tokens(costs.ranking.passages(chosen))


def _without_companions(ranking: Ranking, chosen: Collection[int]) -> str | None:
    missing = ranking.with_companions(chosen).difference(chosen)
    if not missing:
        return None
    return f"no room was left for headings and first sentences that belong to what was kept: {len(missing)}"
