"""The options of a search: ``tersus search`` and ``tersus query`` share them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...errors import InvalidInput
from .common import UsageProblem

if TYPE_CHECKING:
    from ...rag.search import SearchOptions

__all__ = ["FilterJson", "MinScore", "Mmr", "SearchMode", "TopK", "Window", "search_from"]

SearchMode = Annotated[
    str | None,
    typer.Option(
        "--mode",
        metavar="MODE",
        show_default=False,
        help="dense (embeddings), bm25 (words) or hybrid (both); the settings' one by default.",
    ),
]
FilterJson = Annotated[
    str | None,
    typer.Option(
        "--filter",
        metavar="JSON",
        show_default=False,
        help='Only these passages: \'{"field": "year", "gte": 2020}\'; also equals, in, and, or, not.',
    ),
]
MinScore = Annotated[
    float | None,
    typer.Option(
        "--min-score", metavar="COSINE", show_default=False, help="Least cosine to the question, in -1..1."
    ),
]
Mmr = Annotated[
    float | None,
    typer.Option(
        "--mmr",
        metavar="LAMBDA",
        show_default=False,
        help="Passages that repeat one another less: 1 is relevance alone, 0 diversity alone; 0.5 is usual.",
    ),
]
Window = Annotated[
    int,
    typer.Option("--window", min=0, max=100, metavar="N", help="Neighbours joined to each passage found."),
]
TopK = Annotated[
    int | None,
    typer.Option(min=1, max=1000, metavar="K", show_default=False, help="Passages to retrieve."),
]


def search_from(
    mode: str | None, filter_json: str | None, min_score: float | None, mmr: float | None, window: int
) -> SearchOptions | None:
    """What the options say; None where none was given.

    Raises:
        UsageProblem: an impossible value, or a filter that cannot be understood.
    """
    from ...rag.search import SearchOptions

    if mode is None and filter_json is None and min_score is None and mmr is None and not window:
        return None
    given: Any = mode
    try:
        return SearchOptions(
            mode=given, filter=_parsed(filter_json), min_score=min_score, mmr=mmr, window=window
        )
    except InvalidInput as error:
        raise UsageProblem(error.message, hint=error.hint) from error


def _parsed(text: str | None) -> Any:
    if text is None:
        return None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageProblem(
            f"--filter is no JSON: {error}",
            hint='in single quotes: --filter \'{"field": "lang", "equals": "en"}\'',
        ) from error
    if data is None:
        raise UsageProblem("--filter is null", hint="leave it out")
    return data
