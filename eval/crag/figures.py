"""What the samples come to: tokens by size, the targets, and the nearness to human summaries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..metrics import Estimate, bootstrap_ci
from ..targets.ratio import bootstrap_ratio
from .measure import ALL, Sample, Scores

__all__ = ["FLAT_FROM", "Quality", "Size", "Verdict", "flat", "qualities", "saves", "sizes"]

FLAT_FROM = 16


@dataclass(frozen=True, slots=True)
class Size:
    """One size of one data set. ``plain`` and ``crag`` are mean tokens over its ``groups``, ``saved`` is the
    share of all their tokens. ``plain_growth`` and ``crag_growth``: how many times the tokens at 16, of the
    same groups; None where the size is below 16 or there are none at 16."""

    size: int
    groups: int
    plain: Estimate
    crag: Estimate
    saved: Estimate
    plain_growth: Estimate | None
    crag_growth: Estimate | None


@dataclass(frozen=True, slots=True)
class Quality:
    """One compressor at one size. ``behind`` is the first compressor's ROUGE-1, ROUGE-2 and cosine less
    this one's, group by group; None for the first compressor itself."""

    size: int
    compressor: str
    tokens: Estimate
    rouge1: Estimate
    rouge2: Estimate
    cosine: Estimate
    behind: tuple[Estimate, Estimate, Estimate] | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target, what was measured, and whether it is met; None where nothing could be measured."""

    target: str
    measured: Estimate | None
    met: bool | None


def sizes(samples: Sequence[Sample], seed: int = 0) -> list[Size]:
    """A row a size, all texts last."""
    at = {s.group: s for s in samples if s.size == FLAT_FROM}
    rows = []
    for size in _in_order(samples):
        some = [s for s in samples if s.size == size]
        pairs = [(s, at[s.group]) for s in some if s.group in at]
        later = bool(pairs) and (size == ALL or size >= FLAT_FROM)
        rows.append(
            Size(
                size,
                len(some),
                bootstrap_ci([s.plain for s in some], seed),
                bootstrap_ci([s.crag for s in some], seed),
                _saved(some, seed),
                bootstrap_ratio([(s.plain, b.plain) for s, b in pairs], seed) if later else None,
                bootstrap_ratio([(s.crag, b.crag) for s, b in pairs], seed) if later else None,
            )
        )
    return rows


def qualities(samples: Sequence[Sample], seed: int = 0) -> list[Quality]:
    """A row a size and compressor."""
    rows = []
    for size in _in_order(samples):
        some = [s.scores for s in samples if s.size == size]
        first, *_ = names = list(some[0])
        for name in names:
            own = [scores[name] for scores in some]
            others = [scores[first] for scores in some]
            one, two, near = (bootstrap_ci([read(x) for x in own], seed) for read in _READ)
            tokens = bootstrap_ci([x.tokens for x in own], seed)
            behind = None if name == first else _behind(others, own, seed)
            rows.append(Quality(size, name, tokens, one, two, near, behind))
    return rows


def flat(rows: Sequence[Size], within: float = 0.2) -> Verdict:
    """Whether the context keeps its size from 16 texts on: the growth that is farthest from 1."""
    found = [row.crag_growth for row in rows if row.crag_growth is not None and row.size != FLAT_FROM]
    means = [(abs(e.mean - 1), e) for e in found if e.mean is not None]
    worst = max(means, key=lambda pair: pair[0], default=None)
    target = f"tokens within {within:.0%} from {FLAT_FROM} on (times those at {FLAT_FROM})"
    return Verdict(target, None, None) if worst is None else Verdict(target, worst[1], worst[0] <= within)


def saves(rows: Sequence[Size], size: int, least: float, what: str) -> Verdict:
    """Whether at least a share of the tokens is saved at one size."""
    found = next((row.saved for row in rows if row.size == size), None)
    met = None if found is None or found.mean is None else found.mean >= least
    return Verdict(f"≥ {least:.0%} saved at {size} {what}", found, met)


_READ: tuple[Callable[[Scores], float | None], ...] = (
    lambda s: s.rouge1,
    lambda s: s.rouge2,
    lambda s: s.cosine,
)


def _behind(first: Sequence[Scores], own: Sequence[Scores], seed: int) -> tuple[Estimate, Estimate, Estimate]:
    one, two, near = (
        bootstrap_ci([_less(read(a), read(b)) for a, b in zip(first, own, strict=True)], seed)
        for read in _READ
    )
    return one, two, near


def _less(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _saved(samples: Sequence[Sample], seed: int) -> Estimate:
    return bootstrap_ratio([(s.plain - s.crag, s.plain) if s.plain else None for s in samples], seed)


def _in_order(samples: Sequence[Sample]) -> list[int]:
    return sorted({s.size for s in samples}, key=lambda size: (size == ALL, size))
