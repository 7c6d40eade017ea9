"""What each stage of a chain may leave."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...errors import InvalidInput
from ..budget import Budget

__all__ = ["check_shares", "end_tokens", "stage_budget"]


def check_shares(shares: Sequence[float | None] | None, stages: int) -> tuple[float | None, ...]:
    """One share or None for each stage but the last.

    Raises:
        InvalidInput: another number of shares, or one that is no share.
    """
    if shares is None:
        return (None,) * (stages - 1)
    if isinstance(shares, (str, bytes)) or not isinstance(shares, Sequence):
        raise InvalidInput(f"shares must be a list of numbers, got {shares!r:.80}", hint="shares=[0.5]")
    if len(shares) != stages - 1:
        raise InvalidInput(
            f"{len(shares)} shares were given for a chain of {stages} stages",
            hint="one for each stage but the last, which the budget decides; None leaves it to the chain",
        )
    for share in shares:
        if share is None:
            continue
        number = isinstance(share, (int, float)) and not isinstance(share, bool)
        if not number or not math.isfinite(share) or not 0 < share <= 1:
            raise InvalidInput(f"a share must be above 0 and at most 1, got {share!r:.80}")
    return tuple(shares)


def end_tokens(budget: Budget, before: int) -> float | None:
    """Tokens that the end of the chain may have; None where each stage's own threshold decides."""
    if budget.max_tokens is not None:
        return float(budget.max_tokens)
    return None if budget.ratio is None else budget.ratio * before


def stage_budget(budget: Budget, *, before: int, now: int, left: int, share: float | None = None) -> Budget:
    """The budget of the stage that has ``left - 1`` stages after it, counted against what it is given.

    - The last stage gets the chain's own budget, a ratio converted to what is left by then.
    - Under a ratio or ``max_tokens`` an earlier stage gets its share of the geometric path from where the
      text is now (``now`` tokens) to where it is to end: all stages left to run keep the same share of what
      they get, ``(end / now) ** (1 / left)``. What one stage missed the next ones make up for.
    - Under an adaptive budget every stage has its own threshold.
    - A ``share`` given for an earlier stage takes the place of both, but never keeps less than the end may.

    Args:
        budget: of the chain; no risk.
        before: tokens of the whole context.
        now: tokens that are left, at least 1.
        left: stages left to run, this one included.
        share: what was given for this stage.
    """
    end = end_tokens(budget, before)
    if left == 1:
        return Budget(ratio=min(1.0, (end or 0.0) / now)) if budget.ratio is not None else budget
    if share is not None:
        return Budget(ratio=min(1.0, max(share, (end or 0.0) / now)))
    if end is None:
        return Budget(adaptive=True)
    return Budget(ratio=min(1.0, (end / now) ** (1 / left)))
