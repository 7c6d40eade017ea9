"""Charts as SVG, drawn here: no script, and they print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Bar", "Drawn", "bars"]

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 220, 56, 26, 10


@dataclass(frozen=True, slots=True)
class Bar:
    """One day: tokens that were sent, and tokens that were left out."""

    label: str
    sent: int
    removed: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """A bar's place: x and width, and top and height of both parts, in the picture's own units."""

    bar: Bar
    x: float
    width: float
    sent_y: float
    sent_height: float
    removed_y: float
    removed_height: float
    labelled: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything that the template draws; ``lines`` are (y, value) of the grid."""

    width: int
    height: int
    left: int
    bars: Sequence[Drawn]
    lines: Sequence[tuple[float, float]]


def bars(values: Sequence[Bar]) -> Chart:
    """Bars in two parts, one above the other, over a grid of round numbers."""
    most = max((bar.sent + bar.removed for bar in values), default=0) or 1
    step = _step(most)
    top = step * -(-most // step)
    room = HEIGHT - TOP - BOTTOM
    slot = (WIDTH - LEFT) / max(1, len(values))
    width = min(48.0, slot * 0.7)
    every = -(-len(values) // 12)
    drawn = []
    for number, bar in enumerate(values):
        sent, removed = room * bar.sent / top, room * bar.removed / top
        base = HEIGHT - BOTTOM
        drawn.append(
            Drawn(
                bar,
                round(LEFT + slot * number + (slot - width) / 2, 2),
                round(width, 2),
                round(base - sent, 2),
                round(sent, 2),
                round(base - sent - removed, 2),
                round(removed, 2),
                number % every == 0,
            )
        )
    count = round(top / step)
    lines = [(round(HEIGHT - BOTTOM - room * n / count, 2), step * n) for n in range(count + 1)]
    return Chart(WIDTH, HEIGHT, LEFT, drawn, lines)


def _step(most: float) -> float:
    """A round step of which at most five make ``most``."""
    size = 1.0
    while True:
        for factor in (1, 2, 5):
            if size * factor * 5 >= most:
                return size * factor
        size *= 10
