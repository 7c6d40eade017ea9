"""What the figures say in words: the fewest tokens at no measurable loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .summary import BASELINE, NO_READER, Cell, Summary

__all__ = ["LEAST", "MARGIN", "Recommendation", "recommend"]

MARGIN = 0.03
"""A loss whose 95% interval may reach further than this is not called small, however wide chance makes it."""

LEAST = 30
"""Questions below which nothing is recommended: of a handful all may go well by chance."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """``text`` for people; ``cell`` is the one recommended, None where nothing can be."""

    dataset: str
    reader: str
    text: str
    cell: Cell | None


def recommend(summary: Summary) -> list[Recommendation]:
    """One for each data set and reader, all chosen on the questions that are reported: see the last words."""
    return [_one(dataset, reader, cells) for (dataset, reader), cells in summary.groups().items()]


def _one(dataset: str, reader: str, cells: Sequence[Cell]) -> Recommendation:
    rivals = [cell for cell in cells if cell.compressor != BASELINE and cell.kept < 1]
    where = dataset if reader == NO_READER else f"{dataset}, read by {reader}"
    if not any(cell.compressor == BASELINE for cell in cells):
        return Recommendation(
            dataset, reader, f"{where}: without 'none' there is nothing to compare with.", None
        )
    if (count := len(cells[0].questions)) < LEAST:
        said = f"{where}: {count} questions are too few to recommend anything; {LEAST} are the least."
        return Recommendation(dataset, reader, said, None)
    good = [cell for cell in rivals if _harmless(cell)]
    if not good:
        best = max(rivals, key=lambda c: (_low(c), -c.kept), default=None)
        said = f"{where}: no compressor can be recommended: none is shown to lose less than {MARGIN:.0%}."
        if best is not None:
            said += f" Nearest is {best.label}: {_saved(best)}, {_loss(best)}."
        return Recommendation(dataset, reader, said, None)
    cell = min(good, key=lambda c: (c.kept, c.compress_seconds or 0.0))
    words = f"{where}: {cell.label}: {_saved(cell)}, {_loss(cell)}."
    return Recommendation(dataset, reader, words, cell)


def _low(cell: Cell) -> float:
    found = cell.against.get(cell.primary)
    return found.floor if found is not None and found.floor is not None else -1.0


def _harmless(cell: Cell) -> bool:
    return _low(cell) >= -MARGIN


def _saved(cell: Cell) -> str:
    return f"{1 - cell.kept:.0%} fewer tokens"


def _loss(cell: Cell) -> str:
    name = cell.primary.replace("_", " ")
    found = cell.against.get(cell.primary)
    if found is None or found.mean is None:
        return f"{name} not measured"
    if found.low is None or found.high is None:
        return f"{name} {found.mean:+.3f} on one question"
    interval = f"{found.mean:+.3f}, 95% CI {found.floor:+.3f} to {found.high:+.3f}, {found.count} questions"
    if found.low > 0:
        return f"a measurable gain in {name} ({interval})"
    if found.high < 0:
        return f"a measurable loss in {name} ({interval})"
    return f"no measurable loss in {name} ({interval})"
