"""How much was kept, in the one definition of the word: tokens after by tokens before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from ...errors import InvalidInput
from .metric import Metric

__all__ = ["KeptMacro", "KeptMicro", "kept_macro", "kept_micro"]

Tokens = tuple[int, int]
"""``tokens_before, tokens_after`` of one query."""


class KeptMicro(Metric):
    """All tokens sent by all tokens retrieved: ``sum(after) / sum(before)``. What a bill follows.

    May exceed 1, where a compressor made things larger. None where nothing was retrieved.

    Source: our own definition of ``kept``.
    """

    name: ClassVar[str] = "kept_micro"
    version: ClassVar[int] = 1

    def __call__(self, tokens: Iterable[Tokens]) -> float | None:
        """Of ``(tokens_before, tokens_after)`` pairs, one a query.

        Raises:
            InvalidInput: a negative count, or tokens sent where none were retrieved.
        """
        pairs = [_check(pair) for pair in tokens]
        before = sum(b for b, _ in pairs)
        return sum(a for _, a in pairs) / before if before else None


class KeptMacro(Metric):
    """Mean over the queries of ``after / before``: a long context weighs as much as a short one.

    Queries for which nothing was retrieved have no such share and are left out. None where
    none is left.

    Source: our own definition of ``kept``.
    """

    name: ClassVar[str] = "kept_macro"
    version: ClassVar[int] = 1

    def __call__(self, tokens: Iterable[Tokens]) -> float | None:
        """Arguments and errors as for :class:`KeptMicro`."""
        shares = [after / before for before, after in map(_check, tokens) if before]
        return sum(shares) / len(shares) if shares else None


def _check(pair: Tokens) -> Tokens:
    before, after = pair
    if before < 0 or after < 0 or (after and not before):
        raise InvalidInput(f"{before} tokens before and {after} after is not a compression")
    return pair


kept_micro = KeptMicro()
kept_macro = KeptMacro()
