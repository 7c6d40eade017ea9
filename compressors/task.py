"""What a compressor is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .budget import Budget
from .protection import Protection
from .render import Renderer
from .tokens import TokenCounter
from .types import CompressedPassage, Passage, StageReport

__all__ = ["Draft", "Task", "join_reasons"]


@dataclass(frozen=True, slots=True)
class Task:
    """One query with its passages and everything that a compressor needs to keep its budget."""

    query: str
    passages: Sequence[Passage]
    budget: Budget
    counter: TokenCounter
    renderer: Renderer
    tokens_before: int
    protection: Protection = field(default_factory=Protection)

    def tokens(self, passages: Sequence[CompressedPassage]) -> int:
        """Tokens of the context that these passages render to."""
        return self.counter(self.renderer(passages))


@dataclass(frozen=True, slots=True)
class Draft:
    """A compressor's answer to one task, before it is measured."""

    passages: Sequence[CompressedPassage]
    reason: str | None = None
    stages: Sequence[StageReport] = ()
    overhead_tokens: int = 0
    """Prompt and completion tokens that a language model spent on this answer."""


def join_reasons(*reasons: str | None) -> str | None:
    """Several reasons as one; None where there is none."""
    return "; ".join(filter(None, reasons)) or None
