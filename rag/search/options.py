"""What may be asked of a search besides the question."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from ...errors import InvalidInput
from .filters import And, Equals, Filter, In, Not, Or, Range, check_size, parse_filter

__all__ = ["MAX_WINDOW", "MODES", "Mode", "SearchOptions"]

Mode = Literal["dense", "bm25", "hybrid"]
MODES: tuple[Mode, ...] = get_args(Mode)
MAX_WINDOW = 100


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How passages are found, beyond the nearest ones to a question.

    >>> from tersus.rag.search import SearchOptions
    >>> SearchOptions(mode="hybrid", filter={"field": "lang", "equals": "en"}, window=1).window
    1

    Attributes:
        mode: ``dense`` (cosine of embeddings), ``bm25`` (words in common), ``hybrid`` (both, by reciprocal
            rank fusion); None takes the settings' one.
        filter: which passages may be found; a :class:`Filter`, or JSON as `parse_filter` takes it.
        min_score: the least cosine between question and passage, in -1..1, whatever the mode.
        mmr: lambda of maximal marginal relevance in 0..1: 1 is relevance alone, 0 diversity alone; None: no.
        window: so many passages before and behind each that was found are joined to it.

    Raises:
        InvalidInput: a value outside of these. InvalidFilter: a filter that cannot be understood.
    """

    mode: Mode | None = None
    filter: Filter | Mapping[str, Any] | None = None
    min_score: float | None = None
    mmr: float | None = None
    window: int = 0

    def __post_init__(self) -> None:
        if self.mode is not None and self.mode not in MODES:
            raise InvalidInput(f"the search mode is {self.mode!r}", hint=f"give one of {', '.join(MODES)}")
        _within("min_score", self.min_score, -1.0, 1.0)
        _within("mmr", self.mmr, 0.0, 1.0)
        if (
            isinstance(self.window, bool)
            or not isinstance(self.window, int)
            or not 0 <= self.window <= MAX_WINDOW
        ):
            raise InvalidInput(
                f"window is {self.window!r}", hint=f"give a whole number from 0 to {MAX_WINDOW}"
            )
        if self.filter is not None:
            object.__setattr__(self, "filter", _filter(self.filter))

    @property
    def wanted(self) -> Filter | None:
        """The filter as such, however it was given."""
        return None if self.filter is None else _filter(self.filter)


def _filter(given: Filter | Mapping[str, Any]) -> Filter:
    if isinstance(given, Equals | In | Range | And | Or | Not):
        check_size(given)
        return given
    return parse_filter(given)


def _within(name: str, value: Any, least: float, most: float) -> None:
    if value is None:
        return
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not least <= value <= most:
        raise InvalidInput(f"{name} is {value!r}", hint=f"give a number from {least:g} to {most:g}")
