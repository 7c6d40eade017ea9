"""Figures as people read them: money, shares, tokens, times, sizes."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from .output import arrow, dot

if TYPE_CHECKING:
    from rich.console import Console

    from ...rag import QueryResult

__all__ = ["duration", "megabytes", "money", "savings_lines", "share"]


def money(amount: Decimal | None) -> str:
    """US dollars: cents from a dollar on, three significant digits below, so that small savings show.

    >>> [money(Decimal(a)) for a in ("0", "0.0001234", "0.5", "1234.567", "-0.02")]
    ['$0', '$0.000123', '$0.50', '$1,234.57', '-$0.02']
    """
    if amount is None:
        return "unknown"
    if not amount:
        return "$0"
    sign, size = ("-" if amount < 0 else ""), abs(amount)
    if size >= 1:
        return f"{sign}${size:,.2f}"
    places = 2 - size.adjusted()
    text = f"{size:.{places}f}".rstrip("0")
    whole, _, fraction = text.partition(".")
    return f"{sign}${whole}.{fraction.ljust(2, '0')}"


def share(part: float | None) -> str:
    """A share in per cent, with a decimal where it is small: 0.26 is 26%."""
    if part is None:
        return ""
    return f"{part:.1%}" if 0 < part < 0.1 else f"{part:.0%}"


def duration(seconds: float | None) -> str:
    """Seconds, or milliseconds below a tenth."""
    if seconds is None:
        return ""
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:,.0f} s"


def megabytes(size: int) -> str:
    """Bytes as MB or GB (powers of ten, as disks are sold)."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def savings_lines(result: QueryResult, console: Console) -> list[str]:
    """What a query sent and saved, what it took, and why nothing was removed where that is so."""
    between = dot(console)
    first = [
        f"{result.tokens_before:,} {arrow(console)} {result.tokens_after:,} tokens",
        f"{share(result.kept)} kept",
        _worth(result),
    ]
    took = [
        f"{step} {duration(seconds)}"
        for step, seconds in (
            ("retrieve", result.seconds.retrieve),
            ("compress", result.seconds.compress),
            ("llm", result.seconds.llm),
        )
        if seconds is not None
    ]
    how = [result.compressor, result.budget] if result.compressor else ["no compression"]
    lines = [between.join(part for part in first if part), between.join([*took, *(h for h in how if h)])]
    lines += [
        between.join(
            [
                f"  {stage.compressor}",
                f"{stage.tokens_before:,} {arrow(console)} {stage.tokens_after:,} tokens",
                duration(stage.seconds),
            ]
        )
        for stage in result.stages
    ]
    if result.outcome == "fell_back":
        lines.append(f"fell back to the original context: {result.reason}")
    elif result.outcome == "bypassed":
        lines.append("nothing was removed" + (f": {result.reason}" if result.reason else ""))
    elif result.reason:
        lines.append(f"note: {result.reason}")
    return lines


def _worth(result: QueryResult) -> str:
    if result.price_model is None:
        return f"no price known for {result.model} (set TERSUS_PRICE_MODEL)"
    if result.input_price == 0:
        return f"$0 saved: {result.price_model} is free (set TERSUS_PRICE_MODEL to value the tokens)"
    if result.cost_saved is None:
        return ""
    return f"{money(result.cost_saved)} saved at {result.price_model}'s price"
