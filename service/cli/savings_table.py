"""The savings table for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .figures import money, share
from .output import one_line, stdout
from .tables import print_table

if TYPE_CHECKING:
    from ...rag.ledger import SavingsReport, SavingsRow

__all__ = ["print_savings"]


def print_savings(report: SavingsReport, kinds: Sequence[str]) -> None:
    """Rows, total, and below them whatever the figures leave out."""
    console, total = stdout(), report.total
    if not total.queries:
        console.print(f"No queries ({', '.join(kinds)}) in this time.")
        console.print("Ask one: tersus query 'How do I ...?' --collection NAME", style="dim")
        return
    overhead = bool(total.overhead_cost)
    headers = ["Queries", "Before", "After", "Kept", "Saved", "Cost saved"]
    headers += ["Overhead", "Net"] if overhead else []
    key = str(report.by or "all").capitalize()
    rows = [
        ["(none)" if row.key is None else one_line(row.key), *_cells(row, overhead)] for row in report.rows
    ]
    print_table(
        console, [key, *headers], rows, numbers=headers, fold=[key], total=["Total", *_cells(total, overhead)]
    )
    console.print(
        "Before, after and saved are tokens of context; money is at each query's own input price.",
        style="dim",
    )
    for line in _left_out(total):
        console.print(line, style="dim")


def _cells(row: SavingsRow, overhead: bool) -> list[str]:
    cells = [
        f"{row.queries:,}",
        f"{row.tokens_before:,}",
        f"{row.tokens_after:,}",
        share(row.kept),
        f"{row.tokens_saved:,}",
        money(row.cost_saved),
    ]
    return cells + ([money(row.overhead_cost), money(row.net_cost_saved)] if overhead else [])


def _left_out(total: SavingsRow) -> list[str]:
    notes = [
        (total.bypassed, "sent in full, because nothing was to be removed"),
        (total.fell_back, "fell back to the original context: tersus log shows why"),
        (total.unpriced, "without a known price: no money is counted for them (set TERSUS_PRICE_MODEL)"),
        (total.unmeasured, "without token counts: they add nothing"),
        (total.failed, "failed: they save nothing"),
        (total.unfinished, "unfinished, or cut off before their end: they save nothing"),
    ]
    return [f"{count:,} of {total.queries:,} {text}" for count, text in notes if count]
