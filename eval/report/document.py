"""The report as files: one HTML that needs nothing else, Markdown, CSV and JSON beside it."""

from __future__ import annotations

import csv
import io
import json
from importlib import resources
from pathlib import Path
from typing import Any

from ...indexes.durable import replace_file
from .disagree import disagreements
from .figures import figures, overhead, scores_file
from .losses import Loss, worst_losses
from .markdown import markdown
from .plots import latency_plot, pareto_plot
from .recommend import recommend
from .results import Results
from .summary import BASELINE, Cell, Summary, summarise

__all__ = ["csv_text", "html", "write_report"]


def write_report(results: Results, folder: Path | None = None) -> Path:
    """``report.html``, ``report.md``, ``report.csv``, ``report.json`` and ``scores.json``; the HTML's path.

    Args:
        folder: where to; the run's own by default.

    Raises:
        NotANumber: a score is NaN.
    """
    folder = folder or results.folder
    folder.mkdir(parents=True, exist_ok=True)
    summary = summarise(results)
    found = figures(results, summary)
    files = {
        "report.html": html(results, summary),
        "report.md": markdown(results, summary),
        "report.csv": csv_text(found),
        "report.json": _json(found),
        "scores.json": _json(scores_file(results, summary)),
    }
    for name, text in files.items():
        replace_file(folder / name, [text.encode("utf-8", "backslashreplace")])
    return folder / "report.html"


def html(results: Results, summary: Summary) -> str:
    """The whole report as one page without a script or an address of elsewhere."""
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"share": _share, "number": _number, "seconds": _seconds, "signed": _signed}
    source = (resources.files(__package__) / "report.html.j2").read_text(encoding="utf-8")
    groups = []
    for (dataset, reader), cells in summary.groups().items():
        full = next((cell for cell in cells if cell.compressor == BASELINE), None)
        groups.append(
            {
                "dataset": dataset, "reader": reader, "cells": cells, "metric": cells[0].primary,
                "full": full,
                "pareto": pareto_plot(cells, cells[0].primary),
                "latency": latency_plot(cells),
                "disagreements": disagreements(cells),
                "losses": _losses(results, cells, full),
            }
        )  # fmt: skip
    return environment.from_string(source).render(
        state=results.state,
        recommendations=recommend(summary),
        groups=groups,
        prices=results.state["spec"]["prices"],
        retrieval=summary.retrieval,
        overhead=overhead(results),
    )


def csv_text(found: dict[str, Any]) -> str:
    """One line a cell of the figures."""
    rows = [_flat(cell) for cell in found["cells"]]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    target = io.StringIO()
    writer = csv.DictWriter(target, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return target.getvalue()


def _flat(cell: dict[str, Any]) -> dict[str, Any]:
    row = {key: value for key, value in cell.items() if not isinstance(value, dict)}
    for name, value in cell["metrics"].items():
        row |= {name: value["mean"], f"{name}_low": value["low"], f"{name}_high": value["high"]}
    for model, value in cell["usd_per_1000"].items():
        row |= {f"usd_per_1000_{model}_{when}": usd for when, usd in value.items()}
    return row


def _losses(results: Results, cells: list[Cell], full: Cell | None) -> list[Loss]:
    """Three of each of three compressors that lost something, at the budget that kept most; exit first."""
    if full is None:
        return []
    best: dict[str, Cell] = {}
    for cell in cells:
        if cell.compressor != BASELINE and (
            cell.compressor not in best or cell.kept > best[cell.compressor].kept
        ):
            best[cell.compressor] = cell
    order = sorted(best.values(), key=lambda c: (c.compressor != "exit", -_mean(c)))
    found = [losses for cell in order if (losses := worst_losses(results, cell, full, 3))]
    return [loss for losses in found[:3] for loss in losses]


def _mean(cell: Cell) -> float:
    return cell.estimates[cell.primary].mean or 0.0


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.3f}"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} s" if value >= 0.1 else f"{value * 1000:.1f} ms"
