"""What segmentation yields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Kind", "Segment"]

Kind = Literal["sentence", "heading", "item", "table", "code"]
"""``sentence``: running text, and what is none of the others (a rule, a lone line)."""


@dataclass(frozen=True, slots=True)
class Segment:
    """``text[start:end]``, a unit that is kept or dropped as a whole.

    ``start`` and ``end`` are character offsets (indices of the Python string).
    """

    start: int
    end: int
    kind: Kind
