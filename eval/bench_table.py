"""The bench's rows as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from .bench_run import Row
from .metrics import Estimate

__all__ = ["bench_table"]


def bench_table(rows: Sequence[Row]) -> Table:
    """One line a row, a rule between data sets; scores as mean [95% interval] and how many they rest on."""
    table = Table(title="Compressors on labelled questions", caption=_CAPTION, caption_justify="left")
    table.add_column("data")
    table.add_column("compressor")
    for name in ("asked", "questions", "kept", "met", "answer recall", "support recall", "s/query", "failed"):
        table.add_column(name, justify="right", no_wrap=True)
    for i, row in enumerate(rows):
        table.add_row(
            row.data,
            row.compressor,
            _share(row.ratio),
            str(row.questions),
            _share(row.kept_micro),
            "–" if row.ratio_met is None else f"{row.ratio_met:.0%}",
            _estimate(row.answer_recall),
            _estimate(row.support_recall),
            "–" if row.seconds is None else f"{row.seconds:.3f}",
            str(len(row.failures)) if row.failures else "",
            end_section=i + 1 == len(rows) or rows[i + 1].data != row.data,
        )
    return table


_CAPTION = (
    "kept: all tokens sent by all tokens retrieved. met: questions within 2 points of what was asked.\n"
    "answer recall: a gold answer stands in what is kept, asked where it stands in the whole context.\n"
    "support recall: share of labelled supporting sentences kept whole. In brackets the 95% bootstrap\n"
    "interval, behind it the number of questions to which the score applies."
)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _estimate(value: Estimate) -> str:
    return f"{value} {value.count:>4}" if value.count else "–"
