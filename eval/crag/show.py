"""The figures as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table

from ..metrics import Estimate
from .figures import Quality, Size, Verdict
from .measure import ALL

__all__ = ["tables"]


def tables(
    data: str, sizes: Sequence[Size], qualities: Sequence[Quality], verdicts: Sequence[Verdict]
) -> Iterator[Table]:
    """Tokens, nearness to the human summaries, and targets."""
    yield _tokens(data, sizes)
    yield _nearness(data, qualities)
    table = Table("target", "measured", "", title=f"{data}: targets")
    for verdict in verdicts:
        word = "–" if verdict.met is None else "met" if verdict.met else "missed"
        table.add_row(verdict.target, _wide(verdict.measured, 3), word)
    yield table


def _tokens(data: str, sizes: Sequence[Size]) -> Table:
    table = Table(
        title=f"{data}: tokens of the context",
        caption="Means, in brackets 95% bootstrap intervals over groups. × 16: times the tokens at 16 texts, "
        "in the same groups.",
        caption_justify="left",
    )
    for name in ("texts", "groups", "plain RAG", "× 16", "crag", "× 16", "saved"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in sizes:
        table.add_row(
            _size(row.size),
            str(row.groups),
            _mean(row.plain, 0),
            _mean(row.plain_growth, 2),
            _wide(row.crag, 0),
            _wide(row.crag_growth, 2),
            _wide(row.saved, 3),
        )
    return table


def _nearness(data: str, qualities: Sequence[Quality]) -> Table:
    table = Table(
        title=f"{data}: nearness to the human summaries at the same number of tokens",
        caption="Means, and in brackets by how much the first compressor is ahead: 95% bootstrap interval.",
        caption_justify="left",
    )
    for name in ("texts", "compressor", "tokens", "ROUGE-1", "ROUGE-2", "cosine"):
        table.add_column(name, justify="left" if name == "compressor" else "right", no_wrap=True)
    last = None
    for row in qualities:
        if last is not None and row.size != last:
            table.add_section()
        behind = row.behind or (None, None, None)
        table.add_row(
            "" if row.size == last else _size(row.size),
            row.compressor,
            _mean(row.tokens, 0),
            *(
                _mean(value, 3) + _ahead(less)
                for value, less in zip((row.rouge1, row.rouge2, row.cosine), behind, strict=True)
            ),
        )
        last = row.size
    return table


def _size(size: int) -> str:
    return "all" if size == ALL else str(size)


def _mean(estimate: Estimate | None, digits: int) -> str:
    return "–" if estimate is None or estimate.mean is None else f"{estimate.mean:,.{digits}f}"


def _wide(estimate: Estimate | None, digits: int) -> str:
    if estimate is None or estimate.low is None or estimate.high is None:
        return _mean(estimate, digits)
    return f"{_mean(estimate, digits)} [{estimate.low:,.{digits}f}, {estimate.high:,.{digits}f}]"


def _ahead(estimate: Estimate | None) -> str:
    if estimate is None or estimate.low is None or estimate.high is None:
        return " " * 17 if estimate is None else ""
    return f" [{estimate.low:+.3f}, {estimate.high:+.3f}]"
