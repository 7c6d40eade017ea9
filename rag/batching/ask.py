"""One call of a compressor that waits for its batch."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from ...compressors import (
    Budget,
    Passage,
    Protection,
    Renderer,
    TokenCounter,
    load_counter,
    render_context,
)
from ...compressors.tokens import plain_counter

__all__ = ["Ask", "Options", "well_formed"]


@dataclass(frozen=True, slots=True)
class Options:
    """What one ``compress_batch`` has in common."""

    budget: Budget
    protection: Protection
    counter: TokenCounter
    renderer: Renderer

    @classmethod
    def of(
        cls,
        budget: Budget | None,
        protection: Protection | None,
        counter: TokenCounter | None,
        renderer: Renderer | None,
    ) -> Options:
        """With a compressor's own defaults in the place of None."""
        return cls(
            budget or Budget(),
            protection or Protection(),
            counter or load_counter(),
            renderer or render_context,
        )

    @property
    def kind(self) -> Hashable:
        """Equal where one ``compress_batch`` can serve both."""
        return self.budget, self.protection, id(plain_counter(self.counter)), id(self.renderer)


@dataclass(frozen=True, slots=True)
class Ask:
    """Queries, ``passages[i]`` for ``queries[i]``, and their options."""

    queries: Sequence[str]
    passages: Sequence[Sequence[Passage]]
    options: Options

    @property
    def tokens(self) -> int:
        """A quarter of the characters that are read: each passage beside its query."""
        pairs = zip(self.queries, self.passages, strict=True)
        return 1 + sum(len(p.text) + len(p.title) + len(q) for q, found in pairs for p in found) // 4


def well_formed(query: object, passages: object) -> bool:
    """Whether a compressor would take these types."""
    return (
        isinstance(query, str)
        and isinstance(passages, Sequence)
        and not isinstance(passages, str)
        and all(isinstance(passage, Passage) for passage in passages)
    )
