"""The report's pictures, as SVG that takes its colours from the page."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .summary import BASELINE, Cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["latency_plot", "pareto_plot"]

# Okabe and Ito's palette, which colour-blind people can tell apart; exit has its first colour everywhere.
_PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F", "#8C6D31", "#A65628")
_MARKS = "osD^vPX*h"
_BESIDE: dict[str, Any] = {"textcoords": "offset points", "ha": "right"}
_INK, _GRID = "#010101", "#020202"
_FIRST = ("exit", "similarity", "bm25")


def pareto_plot(cells: Sequence[Cell], metric: str) -> str:
    """Quality against tokens kept: one line a compressor, bands for the 95% intervals."""
    names = list(dict.fromkeys(cell.compressor for cell in cells if cell.compressor != BASELINE))
    with _figure(7.2, 4.4) as (axes, svg):
        for name in names:
            _line(
                axes, sorted((c for c in cells if c.compressor == name), key=lambda c: c.kept), metric, names
            )
        for cell in cells:
            estimate = cell.estimates[metric]
            if cell.compressor == BASELINE and estimate.mean is not None:
                axes.axhline(estimate.mean, color=_INK, linewidth=1, linestyle=(0, (4, 3)))
                axes.annotate("full context", (1.0, estimate.mean), (0, 4), **_BESIDE)
        axes.set_xlabel("tokens kept")
        axes.set_ylabel(metric.replace("_", " "))
        axes.xaxis.set_major_formatter(_percent())
        axes.set_xlim(0, 1.02)
        axes.grid(color=_GRID, linewidth=0.6)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    return svg[0]


def latency_plot(cells: Sequence[Cell]) -> str:
    """Mean seconds a question, compression and reading one after the other."""
    shown = [cell for cell in cells if cell.compress_seconds is not None][::-1]
    with _figure(7.2, 0.9 + 0.27 * max(1, len(shown))) as (axes, svg):
        rows = range(len(shown))
        compress = [cell.compress_seconds or 0.0 for cell in shown]
        axes.barh(rows, compress, color=_PALETTE[0], label="compressing")
        if any(cell.read_seconds is not None for cell in shown):
            read = [c.read_seconds or 0.0 for c in shown]
            axes.barh(rows, read, left=compress, color=_PALETTE[4], label="reading")
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
        axes.set_yticks(rows, [cell.label for cell in shown])
        axes.set_xlabel("seconds a question")
        axes.grid(axis="x", color=_GRID, linewidth=0.6)
    return svg[0]


def _line(axes: Axes, cells: Sequence[Cell], metric: str, names: Sequence[str]) -> None:
    known = [c for c in cells if c.estimates[metric].mean is not None]
    if not known:
        return
    name = known[0].compressor
    order = [*(n for n in _FIRST if n in names), *(n for n in names if n not in _FIRST)]
    place = order.index(name)
    colour, mark = _PALETTE[place % len(_PALETTE)], _MARKS[place % len(_MARKS)]
    found = [c.estimates[metric] for c in known]
    x = [c.kept for c in known]
    y = [e.mean or 0.0 for e in found]
    low = [m if e.low is None else e.low for e, m in zip(found, y, strict=True)]
    high = [m if e.high is None else e.high for e, m in zip(found, y, strict=True)]
    axes.plot(x, y, color=colour, marker=mark, markersize=6, linewidth=1.6, label=name)
    if len(known) > 1:
        axes.fill_between(x, low, high, color=colour, alpha=0.12, linewidth=0)
    else:
        axes.vlines(x, low, high, color=colour, linewidth=1.2)


class _figure:  # noqa: N801 - used as a function
    """A figure whose SVG is in the list after the ``with``."""

    def __init__(self, width: float, height: float) -> None:
        self._size = (width, height)
        self._svg: list[str] = []

    def __enter__(self) -> tuple[Any, list[str]]:
        import matplotlib
        from matplotlib.figure import Figure

        self._context = matplotlib.rc_context(
            {
                "svg.fonttype": "none", "svg.hashsalt": "tersus",
                "font.family": "sans-serif", "font.size": 10,
                "text.color": _INK, "axes.edgecolor": _INK, "axes.labelcolor": _INK, "xtick.color": _INK,
                "ytick.color": _INK, "axes.spines.top": False, "axes.spines.right": False,
                "axes.axisbelow": True,
            }
        )  # fmt: skip
        self._context.__enter__()
        self._drawing = Figure(figsize=self._size, layout="constrained")
        return self._drawing.add_subplot(), self._svg

    def __exit__(self, *error: Any) -> None:
        try:
            if error[0] is None:
                target = io.StringIO()
                self._drawing.savefig(target, format="svg", transparent=True, metadata={"Date": None})
                svg = target.getvalue()
                svg = svg[svg.index("<svg") :].replace(_INK, "currentColor").replace(_GRID, "var(--grid)")
                self._svg.append(svg.replace("font: 10px 'sans-serif'", "font: 10px sans-serif"))
        finally:
            self._context.__exit__(*error)


def _percent() -> Any:
    from matplotlib.ticker import PercentFormatter

    return PercentFormatter(1.0, decimals=0)
