"""``tersus demo``: the main job, on documents that every Python brings along."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import Json, open_tersus

if TYPE_CHECKING:
    from rich.console import Console

    from ...rag import QueryResult, Tersus
    from ...rag.ledger import SavingsReport

__all__ = ["demo"]

COLLECTION = "demo"
QUESTIONS = (
    "Which exception does the assert statement raise?",
    "What does a lambda expression create?",
    "What does the with statement do?",
    "What does an augmented assignment do?",
    "What is a generator iterator?",
)
_ANSWER_TOKENS = 48  # the local model is small: a short answer is its best


@dataclass(frozen=True, slots=True)
class _Pair:
    """One question, answered from everything retrieved and from what was kept of it."""

    everything: QueryResult
    compressed: QueryResult


def demo(
    ctx: typer.Context,
    ratio: Annotated[float, typer.Option(min=0.01, max=1, help="Share of the tokens to keep.")] = 0.25,
    price_model: Annotated[
        str, typer.Option(metavar="MODEL", help="Whose price the tokens are valued at.")
    ] = "gpt-4.1-mini",
    as_json: Json = False,
) -> None:
    """Index Python's language reference, ask it questions, and show what compression saves.

    Needs no network, no key and no file of yours. Every answer is given twice by a small local model:
    from all of the retrieved context, and from what Tersus kept of it.
    """
    from ...compressors import Budget
    from ...rag import Tersus
    from ...rag.ledger.types import utc_now
    from .output import print_json, stderr, stdout, waiting

    with open_tersus(ctx, llm_max_tokens=_ANSWER_TOKENS) as configured:
        settings = configured.settings.model_copy(
            # The demo never spends money: an endpoint that is configured is left alone.
            update={
                "llm_base_url": None,
                "llm_model": "smollm2",
                "tokenizer": None,
                "price_model": price_model,
            }
        )
    since = utc_now()
    console = stderr() if as_json else stdout()
    console.width = min(console.width, 110)  # two answers side by side read better in narrow columns
    with Tersus(settings) as tersus:
        _check_model(tersus)
        _index(tersus, console)
        with waiting("loading the language model"):
            tersus.llm.complete("Hello")
        console.print(f"Asking {len(QUESTIONS)} questions, each with and without compression:\n")
        pairs = []
        for number, question in enumerate(QUESTIONS, 1):
            with waiting(f"question {number} of {len(QUESTIONS)}: {question}"):
                pairs.append(_ask(tersus, question, Budget(ratio=ratio)))
            if not as_json:
                _print_pair(console, number, pairs[-1])
        report = _savings(tersus, since)
    if as_json:
        print_json(
            [{"everything": p.everything.to_dict(), "compressed": p.compressed.to_dict()} for p in pairs]
        )
    else:
        _print_end(console, report, pairs)


def _check_model(tersus: Tersus) -> None:
    """A missing model is told before anything is indexed."""
    from ...compressors.models.store import find_model

    find_model(tersus.settings.llm_model)


def _index(tersus: Tersus, console: Console) -> None:
    from ...rag.ingest.topics import python_topics
    from .figures import duration
    from .ingest import progress_bar

    documents = python_topics()
    characters = sum(len(document.text) for document in documents)
    console.print("Tersus demo", style="bold")
    console.print(
        f"The documents: Python's language reference, {len(documents)} topics, {characters:,} characters."
    )
    with progress_bar() as on_progress:
        report = tersus.ingester.ingest_documents(documents, COLLECTION, on_progress=on_progress)
    if report.chunks:
        done = f"cut into {report.chunks} chunks, embedded and indexed in {duration(report.seconds)}"
    else:
        done = "indexed already"
    console.print(f"Collection '{COLLECTION}': {done}.\n")


def _ask(tersus: Tersus, question: str, budget: Any) -> _Pair:
    everything = tersus.query(question, COLLECTION, compress=False, kind="demo")
    compressed = tersus.query(
        question, COLLECTION, budget=budget, kind="demo", seconds_without=everything.seconds.total
    )
    return _Pair(everything, compressed)


def _savings(tersus: Tersus, since: Any) -> SavingsReport:
    from ...rag.ledger.savings import savings

    with tersus.database.session() as session:
        return savings(session, by="compressor", since=since, kinds=("demo",))


def _print_pair(console: Console, number: int, pair: _Pair) -> None:
    from rich.table import Table
    from rich.text import Text

    from .figures import duration, money, share
    from .output import one_line

    console.print(Text(f"{number}. {pair.everything.question}", style="bold"))
    grid = Table(box=None, pad_edge=False, show_header=True, header_style="dim", padding=(0, 2, 0, 0))
    grid.add_column("", no_wrap=True, style="dim")
    grid.add_column("everything retrieved", ratio=1)
    grid.add_column(f"compressed with {pair.compressed.compressor}", ratio=1, style="green")
    both = (pair.everything, pair.compressed)
    grid.add_row("   answer", *(Text(one_line(r.answer or "")) for r in both))
    grid.add_row("   tokens", *(f"{r.tokens_after:,}" for r in both))
    grid.add_row("   kept", *(share(r.kept) for r in both))
    grid.add_row("   seconds", *(duration(r.seconds.total) for r in both))
    grid.add_row("   cost", *(money(_cost(r)) for r in both))
    console.print(grid)
    if pair.compressed.outcome != "compressed":
        console.print(Text(f"   {pair.compressed.outcome}: {pair.compressed.reason}", style="yellow"))
    console.print()


def _cost(result: QueryResult) -> Decimal | None:
    """What the context that was sent costs at the named model's input price."""
    price = result.input_price
    return None if price is None else result.tokens_after * price / 1_000_000


def _print_end(console: Console, report: SavingsReport, pairs: list[_Pair]) -> None:
    from .figures import duration
    from .output import dot
    from .savings_table import print_savings

    console.print("The account, read back from SQL:\n", style="bold")
    print_savings(report, ["demo"])
    first = pairs[0].compressed
    with_all, with_less = (
        sum(result.seconds.total or 0 for result in results)
        for results in ([p.everything for p in pairs], [p.compressed for p in pairs])
    )
    console.print(
        f"\nThe answers took {duration(with_all)} from everything and {duration(with_less)} from what was "
        "kept, compression included."
    )
    console.print(
        f"Cost: these tokens at {first.price_model or 'no known'}'s input price, counted by "
        f"{first.tokenizer}, the local model that answered. It has 135 million parameters: its answers "
        "show the path, not what a large model would make of it.\n",
        style="dim",
    )
    console.print("Now your own documents:", style="bold")
    for command, what in (
        ("tersus ingest PATH... --collection docs", "text, Markdown, HTML, PDF"),
        ('tersus query "..." --collection docs', "the answer, its sources, what was dropped"),
        ("tersus savings", "what it saved"),
    ):
        console.print(f"  {command:<42}{dot(console).strip()} {what}")
    console.print(
        "Your own model: set TERSUS_LLM_BASE_URL, TERSUS_LLM_MODEL and TERSUS_LLM_API_KEY. "
        "Not in a shell with .venv active? Write .venv/bin/tersus.",
        style="dim",
    )
