"""The report as Markdown: tables and the recommendation, without pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..metrics import Estimate
from .recommend import recommend
from .results import Results
from .summary import Cell, Summary

__all__ = ["about", "device", "markdown"]


def markdown(results: Results, summary: Summary) -> str:
    """A heading, how it was run, the recommendations, one table for each data set and reader."""
    return "\n".join(_lines(results, summary)) + "\n"


def about(results: Results) -> str:
    """Date, hardware, versions, in one sentence."""
    e = results.state["environment"]
    return (
        f"{e['date']}, {device(e)}, {e['threads']} thread(s) a worker, torch {e['torch']}, "
        f"Tersus {e['tersus']} (scoring code {e['code']})"
    )


def device(environment: Mapping[str, Any]) -> str:
    """The GPU, or the cores where there was none."""
    return environment["gpu"] or f"{environment['cores']} cores of {environment['cpu']}, no GPU"


def _lines(results: Results, summary: Summary) -> Iterator[str]:
    yield f"# {results.state['name']}\n\n{about(results)}.\n"
    for recommendation in recommend(summary):
        yield f"- {recommendation.text}"
    yield "\nEach was chosen on the questions that it reports: check it on others before you rely on it.\n"
    for (dataset, reader), cells in summary.groups().items():
        read = "no reader" if reader == "none" else f"read by {reader}"
        yield f"## {dataset}, {len(cells[0].questions)} questions, {read}\n"
        yield from _table(cells)
        yield ""
    for name, why in results.state["skipped"].items():
        yield f"`{name}` was left out: {why}"


def _table(cells: list[Cell]) -> Iterator[str]:
    first = cells[0]
    names = [n for n in ("f1", "em", "agreement", "answer_recall", "support_recall") if n in first.scores]
    names = [n for n in names if any(c.estimates[n].count for c in cells)]
    heads = ["compressor", "budget", "kept", *(n.replace("_", " ") for n in names)]
    heads += ["against full context", "p", "s/query", "failed"]
    yield "| " + " | ".join(heads) + " |"
    yield "|---|---|" + "--:|" * (len(heads) - 2)
    for c in cells:
        found = c.against.get(c.primary)
        change = "–" if found is None or found.mean is None else f"{found.mean:+.3f}"
        if found is not None and found.low is not None:
            change += f" ({found.low:+.3f} to {found.high:+.3f})"
        p = "–" if found is None or found.p_value is None else f"{found.p_value:.3f}"
        seconds = c.end_to_end if c.end_to_end is not None else c.compress_seconds
        cells_ = [f"`{c.compressor}`", c.budget, f"{c.kept:.2f}", *(_estimate(c.estimates[n]) for n in names)]
        cells_ += [change, p, "–" if seconds is None else f"{seconds:.2f}", str(len(c.failures) or "")]
        yield "| " + " | ".join(cells_) + " |"


def _estimate(value: Estimate) -> str:
    if value.mean is None:
        return "–"
    return (
        f"{value.mean:.3f}" if value.low is None else f"{value.mean:.3f} ({value.low:.3f}–{value.high:.3f})"
    )
