"""A summary as JSON: what programs read, and what is stored in SQL."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from .recommend import recommend
from .results import Results
from .summary import Cell, Summary

__all__ = ["cell_figures", "figures", "scores_file"]


def figures(results: Results, summary: Summary) -> dict[str, Any]:
    """Everything in the report but texts."""
    state = results.state
    return {
        "format": 1,
        "name": state["name"],
        "identity": state["identity"],
        "spec": state["spec"],
        "environment": state["environment"],
        "metrics": state["metrics"],
        "skipped": state["skipped"],
        "sizes": state["sizes"],
        "overhead": overhead(results),
        "recommendations": [
            {"dataset": r.dataset, "reader": r.reader, "text": r.text, "cell": r.cell.key if r.cell else None}
            for r in recommend(summary)
        ],
        "cells": [cell_figures(cell, state["spec"]["prices"]) for cell in summary.cells],
        "retrieval": {
            name: {metric: asdict(value) for metric, value in metrics.items()}
            for name, metrics in summary.retrieval.items()
        },
    }


def cell_figures(cell: Cell, prices: list[str]) -> dict[str, Any]:
    """One cell."""
    costs = {model: cost for model in prices if (cost := cell.cost(model)) is not None}
    return {
        "dataset": cell.dataset, "compressor": cell.compressor, "budget": cell.budget, "reader": cell.reader,
        "primary": cell.primary, "questions": len(cell.questions), "failures": len(cell.failures),
        "tokens_before": sum(b for b, _ in cell.tokens), "tokens_after": sum(a for _, a in cell.tokens),
        "kept": cell.kept, "kept_macro": cell.kept_macro,
        "metrics": {name: asdict(value) for name, value in cell.estimates.items()},
        "against_full_context": {name: asdict(value) for name, value in cell.against.items()},
        "compress_seconds": cell.compress_seconds, "compress_p50": cell.compress_p50,
        "read_seconds": cell.read_seconds, "end_to_end_seconds": cell.end_to_end,
        "peak_bytes": cell.peak_bytes,
        "usd_per_1000": {model: {"before": b, "after": a} for model, (b, a) in costs.items()},
    }  # fmt: skip


def scores_file(results: Results, summary: Summary) -> dict[str, Any]:
    """Each question's scores, by cell: what another run is compared with. No texts."""
    return {
        "format": 1,
        "name": results.state["name"],
        "metrics": results.state["metrics"],
        "environment": results.state["environment"],
        "questions": results.state["identity"]["questions"],
        "cells": {
            cell.key: {
                "primary": cell.primary,
                "questions": list(cell.questions),
                "kept": [after / before if before else None for before, after in cell.tokens],
                "scores": {name: list(values) for name, values in cell.scores.items()},
            }
            for cell in summary.cells
        },
    }


def overhead(results: Results) -> float | None:
    """Share of the workers' time outside compressors and readers, over all sittings; None where unknown."""
    sittings = results.state["sittings"]
    available = sum(s["seconds"] * s["workers"] for s in sittings)
    return 1 - sum(s["busy"] for s in sittings) / available if available else None
