"""Search: filters over metadata, BM25, fusion, diversity, and the options of a retrieval.

Names load at first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bm25 import Bm25Store
    from .filter_sql import matching_ids
    from .filters import And, Equals, Filter, In, InvalidFilter, Not, Or, Range, matches, parse_filter
    from .options import Mode, SearchOptions

__all__ = [
    "And",
    "Bm25Store",
    "Equals",
    "Filter",
    "In",
    "InvalidFilter",
    "Mode",
    "Not",
    "Or",
    "Range",
    "SearchOptions",
    "matches",
    "matching_ids",
    "parse_filter",
]

_MODULES = {
    "bm25": ("Bm25Store",),
    "filter_sql": ("matching_ids",),
    "filters": (
        "And",
        "Equals",
        "Filter",
        "In",
        "InvalidFilter",
        "Not",
        "Or",
        "Range",
        "matches",
        "parse_filter",
    ),
    "options": ("Mode", "SearchOptions"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
