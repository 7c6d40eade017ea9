"""The targets' figures as lines of cells."""

from __future__ import annotations

from collections.abc import Sequence

from .metrics import Estimate
from .targets import Figure, TargetRow, TimedRow

__all__ = ["Lines", "target_lines", "time_lines"]

Lines = list[list[str]]
"""Cells; the first line is the header."""
_NONE = "–"


def target_lines(rows: Sequence[TargetRow]) -> Lines:
    """A line a figure: the first compressor with interval and verdict, beside it the others' means.

    A part's name stands in its first line alone.
    """
    compressors = list(dict.fromkeys(row.compressor for row in rows))
    found = {(row.part.name, row.compressor): row for row in rows}
    lines = (
        [["data", "figure", "n", compressors[0], "95%", "target", "met", "best peer", *compressors[1:]]]
        if rows
        else []
    )
    for part in dict.fromkeys(row.part for row in rows):
        for number, aim in enumerate(part.aims):
            figures = [
                row.figure(aim.figure) if (row := found.get((part.name, name))) else None
                for name in compressors
            ]
            first = figures[0]
            lines.append(
                [
                    "" if number else part.title,
                    aim.figure,
                    _NONE if first is None else str(first.estimate.count),
                    _mean(first),
                    _NONE if first is None else _interval(first.estimate),
                    _NONE if aim.target is None else str(aim.target),
                    _verdict(first),
                    aim.peer or _NONE,
                    *map(_mean, figures[1:]),
                ]
            )
    return lines


def time_lines(rows: Sequence[TimedRow]) -> Lines:
    """A line a contender: seconds a query, and their ratio to the peer's with interval and verdict."""
    lines = [
        [
            "seconds a query",
            "n",
            "median",
            "mean",
            "median ÷ peer",
            "95%",
            "mean ÷ peer",
            "95%",
            "target",
            "met",
        ]
    ]
    for row in rows:
        median, to_median, mean, to_mean = row.figures
        target = to_median.aim.target
        verdicts = dict.fromkeys((_verdict(to_median), _verdict(to_mean)))
        lines.append(
            [
                row.contender,
                str(median.estimate.count),
                _mean(median),
                _mean(mean),
                _mean(to_median),
                _interval(to_median.estimate),
                _mean(to_mean),
                _interval(to_mean.estimate),
                _NONE if target is None else str(target),
                " / ".join(verdicts),
            ]
        )
    return lines if rows else []


def _mean(figure: Figure | None) -> str:
    if figure is None:
        return "n/a"
    return _NONE if figure.estimate.mean is None else f"{figure.estimate.mean:.3f}"


def _interval(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return _NONE
    return f"{estimate.low:.3f}–{estimate.high:.3f}"


def _verdict(figure: Figure | None) -> str:
    if figure is None or figure.met is None:
        return _NONE
    return "met" if figure.met else "missed"
