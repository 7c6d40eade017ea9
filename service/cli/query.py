"""``tersus query``: a question to a collection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import InvalidInput
from .common import (
    CollectionName,
    CompressorName,
    Json,
    Keep,
    MaxTokens,
    Ratio,
    Risk,
    UsageProblem,
    budget_from,
    open_tersus,
    protection_from,
)
from .search_options import FilterJson, MinScore, Mmr, SearchMode, TopK, Window, search_from

if TYPE_CHECKING:
    from ...rag import Pipeline, QueryResult, Tersus

__all__ = ["query"]


def query(
    ctx: typer.Context,
    question: Annotated[str, typer.Argument(help="In quotation marks.", show_default=False)],
    collection: CollectionName,
    compressor: CompressorName = None,
    ratio: Ratio = None,
    max_tokens: MaxTokens = None,
    risk: Risk = None,
    keep: Keep = None,
    no_compress: Annotated[
        bool, typer.Option("--no-compress", help="Send everything that was retrieved.")
    ] = False,
    context_only: Annotated[
        bool, typer.Option("--context-only", help="Stop before the language model; no answer.")
    ] = False,
    top_k: TopK = None,
    mode: SearchMode = None,
    filter_json: FilterJson = None,
    min_score: MinScore = None,
    mmr: Mmr = None,
    window: Window = 0,
    show_dropped: Annotated[
        bool | None,
        typer.Option(
            "--show-dropped/--no-show-dropped",
            help="Show in full what was removed; by default dimmed in a terminal, left out elsewhere.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Answer a question from a collection, and show what was sent and what that saved.

    Retrieves passages, removes what the answer does not need, asks the language model and writes one
    row to the ledger. Without --ratio, --max-tokens or --risk the settings' budget applies. 'tersus search'
    shows what the options from --mode to --window find.
    """
    budget = budget_from(ratio, max_tokens, risk)
    options = search_from(mode, filter_json, min_score, mmr, window)
    if no_compress and (compressor or budget or keep):
        raise UsageProblem(
            "--no-compress excludes --compressor, --ratio, --max-tokens, --risk and --keep",
            hint="leave one side out",
        )
    if not question.strip():
        raise InvalidInput("the question is empty", hint="tersus query 'How do I ...?' --collection NAME")
    from .output import print_json, waiting

    with open_tersus(ctx) as tersus:
        protection = protection_from(tersus.settings, keep)
        _require(tersus, collection)
        with waiting("retrieving" if context_only else "retrieving, compressing, answering"):
            result = _pipeline(tersus, context_only).query(
                question,
                collection,
                compressor=compressor,
                budget=budget,
                protection=protection,
                compress=not no_compress,
                context_only=context_only,
                top_k=top_k,
                search=options,
            )
    if as_json:
        print_json(result.to_dict())
    else:
        _print(result, show_dropped)


def _require(tersus: Tersus, collection: str) -> None:
    """A collection that does not exist is told at once, not after the models have loaded."""
    from ...rag.ledger import CollectionRepository

    with tersus.database.session() as session:
        CollectionRepository(session).require(collection)


def _pipeline(tersus: Tersus, context_only: bool) -> Pipeline:
    if not context_only:
        return tersus.pipeline
    # Without a language model: none need be installed or configured to see the context.
    from ...rag import Pipeline

    return Pipeline(tersus.settings, tersus.database, tersus.retriever)


def _print(result: QueryResult, show_dropped: bool | None) -> None:
    from .figures import savings_lines
    from .output import clean, stdout
    from .passages import print_passages

    console = stdout()
    if result.answer is not None:
        from rich.panel import Panel
        from rich.text import Text

        answer = Text(clean(result.answer))
        if console.is_terminal:
            console.print(
                Panel(answer, title="Answer", title_align="left", border_style="green", padding=(0, 1))
            )
        else:
            console.print(answer, soft_wrap=True)
        console.print()
    print_passages(console, result.passages, show_dropped)
    console.print()
    first, *rest = savings_lines(result, console)
    console.print(clean(first), style="bold green" if result.tokens_saved else "bold")
    for line in rest:
        console.print(clean(line), style="dim")
    console.print(f"tersus show {result.id[:8]}", style="dim")
