"""``tersus compress``: text or passages, without any index."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from .common import (
    CompressorName,
    Json,
    Keep,
    MaxTokens,
    Ratio,
    Risk,
    budget_from,
    open_tersus,
    protection_from,
)

if TYPE_CHECKING:
    from ...rag import QueryResult

__all__ = ["compress"]


def compress(
    ctx: typer.Context,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            show_default=False,
            help="A text file (one passage), JSON lines (.jsonl, a passage a line), or - for standard input.",
        ),
    ],
    query: Annotated[str, typer.Option("--query", "-q", metavar="Q", help="What the text is to answer.")],
    compressor: CompressorName = None,
    ratio: Ratio = None,
    max_tokens: MaxTokens = None,
    risk: Risk = None,
    keep: Keep = None,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Read JSON lines whatever the file is called.")
    ] = False,
    tokenizer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", show_default=False,
            help="Whose tokens are counted: cl100k, o200k, a folder or a hub name.",
        ),
    ] = None,
    no_record: Annotated[bool, typer.Option("--no-record", help="Write no row to the ledger.")] = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Print a text reduced to what a question needs.

    The compressed context goes to stdout and what it saved to stderr, so that it can stand in a pipe.
    A line of JSON is {"text": ...} with, if you like, "title", "id", "document_id", "offset" and
    "score"; whatever else it holds comes back as metadata.
    """
    from ...compressors import load_compressor, load_counter
    from ...rag.compress_texts import compress_passages
    from .output import print_json, waiting
    from .passages_input import read_passages

    budget = budget_from(ratio, max_tokens, risk)
    passages = read_passages(file, json_lines=jsonl)
    with open_tersus(ctx) as tersus:
        settings = tersus.settings
        protection = protection_from(settings, keep)
        name = compressor or settings.compressor
        chosen = load_compressor(name, **settings.options_of(name))
        chosen.check_query(query)
        with waiting(f"compressing with {chosen.name}"):
            result = compress_passages(
                query,
                passages,
                chosen,
                budget or settings.budget,
                settings,
                protection=protection,
                database=None if no_record else tersus.database,
                counter=load_counter(tokenizer) if tokenizer is not None else None,
            )
    if as_json:
        print_json(result.to_dict())
    else:
        _print(result)


def _print(result: QueryResult) -> None:
    from .figures import savings_lines
    from .output import clean, stderr

    # Verbatim into a pipe: what is kept is what the language model will read.
    context = clean(result.context) if sys.stdout.isatty() else result.context
    if context:
        sys.stdout.write(context + "\n")
        sys.stdout.flush()
    console = stderr()
    for line in savings_lines(result, console):
        console.print(clean(line), style="dim", soft_wrap=True)
