"""How much is taken at once, and how much may wait."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass

__all__ = ["BatchLimits"]

_CPU_TOKENS, _CUDA_TOKENS = 8192, 65_536


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """Limits of one queue.

    Attributes:
        wait: seconds that a batch is held open for callers who are likely to come.
        tokens: most tokens of one batch, counted as a quarter of the characters; None: 8,192, or 65,536
            where there is CUDA.
        queue: most requests that wait.
        seconds: a batch is kept so small that it should take no longer: its requests are answered together.
        idle: seconds without work after which the worker thread ends, until the next request.
    """

    wait: float = 0.004
    tokens: int | None = None
    queue: int = 64
    seconds: float = 2.0
    idle: float = 30.0

    def room(self, pace: float | None) -> float:
        """Most tokens of the next batch at ``pace`` seconds a token (None: not known yet)."""
        most = float(self.tokens or _default_tokens())
        return most if not pace else min(most, self.seconds / pace)


def _default_tokens() -> int:
    torch = sys.modules.get("torch")  # not imported for this: who needs it has it by now
    with suppress(AttributeError, ImportError):  # another thread is in the midst of importing it
        if torch is not None and torch.cuda.is_available():
            return _CUDA_TOKENS
    return _CPU_TOKENS
