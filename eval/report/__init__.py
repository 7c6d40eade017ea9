"""From results to a report, a comparison, a gate."""

from __future__ import annotations

from .results import Results, read_results
from .summary import Cell, Summary, summarise

__all__ = ["Cell", "Results", "Summary", "read_results", "summarise"]
