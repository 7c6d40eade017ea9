"""One line of a diagnosis."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Check"]


@dataclass(frozen=True, slots=True)
class Check:
    """What was found; ``fix`` is the command that mends it, ``needed`` whether it must be mended."""

    name: str
    ok: bool
    detail: str
    fix: str | None = None
    needed: bool = True
