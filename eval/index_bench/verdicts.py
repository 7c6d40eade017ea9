"""What the figures are to reach, and whether they did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .run import Row

__all__ = ["Verdict", "verdicts"]

TIMES_EXACT, AT_RECALL = 30.0, 0.95
OF_BARE = 0.9
OF_FLAT, PQ_RECALL = 0.25, 0.90
_BATCH = 32


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target at one count: what was measured, by which kind, and whether it is met."""

    target: str
    count: int
    value: str
    met: bool

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def verdicts(rows: Sequence[Row], batch: int) -> list[Verdict]:
    """The targets that can be judged by ``rows``, for each count; each is set for batches of 32.

    The fastest kind counts for the first target, the slowest ratio for the second.
    """
    found: list[Verdict] = []
    if batch != _BATCH:
        return found
    for count in dict.fromkeys(row.measured.count for row in rows):
        here = [row for row in rows if row.measured.count == count]
        found += [v for v in (_fast(here, count), _overhead(here, count), _small(here, count)) if v]
    return found


def _fast(rows: Sequence[Row], count: int) -> Verdict | None:
    able = [row for row in rows if row.measured.kind != "flat"]
    if not able:
        return None
    target = f"QPS at recall ≥ {AT_RECALL:.2f}: ≥ {TIMES_EXACT:.0f}x exact flat"
    good = [
        (speed.times_exact, row, speed)
        for row in able
        if row.measured.recall >= AT_RECALL
        for speed in row.measured.speeds
    ]
    if not good:
        return Verdict(target, count, "no kind has that recall", False)
    best, row, speed = max(good, key=lambda one: one[0])
    value = f"{best:.1f}x ({row.measured.spec}, recall {row.measured.recall:.3f}, threads {speed.threads})"
    return Verdict(target, count, value, best >= TIMES_EXACT)


def _overhead(rows: Sequence[Row], count: int) -> Verdict | None:
    ratios = [
        (speed.ratio, row.measured.spec, speed.threads)
        for row in rows
        for speed in row.measured.speeds
        if speed.ratio is not None
    ]
    if not ratios:
        return None
    worst, spec, threads = min(ratios)
    target = f"our QPS by bare FAISS's, same structure and parameters: ≥ {OF_BARE}"
    return Verdict(target, count, f"{worst:.3f} at least ({spec}, threads {threads})", worst >= OF_BARE)


def _small(rows: Sequence[Row], count: int) -> Verdict | None:
    codes = [row for row in rows if row.measured.kind == "ivf-pq"]
    if not codes:
        return None
    target = f"ivf-pq: ≤ {OF_FLAT:.0%} of flat's bytes with recall ≥ {PQ_RECALL:.2f}"
    row = min(codes, key=lambda one: one.bytes_a_vector)
    flat = next((one.bytes_a_vector for one in rows if one.measured.kind == "flat"), None)
    if flat is None:
        flat = 4.0 * row.measured.dimension  # of the vectors alone: the stricter measure
    share = row.bytes_a_vector / flat
    value = f"{share:.1%} ({row.bytes_a_vector:.0f} bytes), recall {row.measured.recall:.3f}"
    return Verdict(target, count, value, share <= OF_FLAT and row.measured.recall >= PQ_RECALL)
