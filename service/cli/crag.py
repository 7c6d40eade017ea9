"""``tersus crag``: summaries of a whole collection, and questions answered from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...errors import InvalidInput
from .common import CollectionName, Json, open_tersus
from .typers import QuietTyper

if TYPE_CHECKING:
    from ...rag import Tersus

__all__ = ["crag_app"]

crag_app = QuietTyper(help="Cluster a collection and summarise its clusters.", no_args_is_help=True)

GroupBy = Annotated[
    str | None,
    typer.Option(
        "--group-by",
        metavar="FIELD",
        show_default=False,
        help="Field of the documents; 'document', 'folder' and 'cluster' (see tersus clusters) always work.",
    ),
]


@crag_app.command("build", epilog="Example: tersus crag build --collection reviews --group-by product")
def build(
    ctx: typer.Context,
    collection: CollectionName,
    group_by: GroupBy = None,
    clusters: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="K", show_default=False, help="In each group; by default the silhouette chooses."
        ),
    ] = None,
    max_tokens: Annotated[
        int, typer.Option(min=1, metavar="N", help="Most tokens of one cluster's summary.")
    ] = 96,
    summariser: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="extractive, local, local:MODEL, seq2seq:MODEL, or llm for the configured language model.",
        ),
    ] = "extractive",
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of k-means.")] = 0,
    as_json: Json = False,
) -> None:
    """Build the summaries of a collection, or bring them up to date.

    Groups the passages by a field of their documents, clusters every group and summarises every cluster.
    Run again after documents came or went: only clusters that changed are summarised anew. A build that
    was interrupted goes on where it was.
    """
    from ...rag.crag import build_crag
    from .output import counting, print_json, stdout

    with open_tersus(ctx) as tersus, counting("groups") as advance:
        report = build_crag(
            tersus.database,
            collection,
            group_by or "",
            clusters=clusters,
            max_tokens=max_tokens,
            summariser=_summariser(tersus, summariser),
            seed=seed,
            advance=advance,
        )
    if as_json:
        print_json(report.as_dict())
        return
    console = stdout()
    console.print(
        f"{collection}: {report.passages:,} passages, {report.groups:,} groups, {report.clusters:,} clusters",
        highlight=False,
    )
    told = [f"{report.summarised:,} summarised", f"{report.reused:,} unchanged"]
    told += [f"{report.fallbacks:,} extractive instead of written"] if report.fallbacks else []
    told += [f"{report.groups_removed:,} groups gone"] if report.groups_removed else []
    told += [f"{report.tokens_used:,} tokens of the language model"] if report.tokens_used else []
    console.print(", ".join(told), highlight=False)


@crag_app.command("show", epilog="Example: tersus crag show --collection reviews --group B00X")
def show(
    ctx: typer.Context,
    collection: CollectionName,
    group_by: GroupBy = None,
    group: Annotated[
        str | None,
        typer.Option(metavar="LABEL", show_default=False, help="Show this group's summaries in full."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the groups, or show one group's summaries and the passages they come from."""
    from ...rag.crag.listing import describe_crag
    from .output import one_line, print_json, stdout
    from .tables import print_table

    with open_tersus(ctx) as tersus:
        found = describe_crag(tersus.database, collection, group_by, group)
    if as_json:
        print_json(found)
        return
    console = stdout()
    if group is None:
        rows = [
            [one_line(one["group"]) or "(none)", *(f"{one[k]:,}" for k in ("passages", "clusters", "tokens"))]
            for one in found["groups"]
        ]
        numbers = ["Passages", "Clusters", "Tokens of summaries"]
        print_table(console, ["Group", *numbers], rows, numbers=numbers, fold=["Group"])
        if found["stale"]:
            console.print("\nDocuments have changed since: tersus crag build brings it up to date.")
        return
    for one in found["groups"][0]["summaries"]:
        head = f"{one['passages']} passages, {one['tokens']} tokens"
        console.print(head + (f" ({one['fallback']})" if one["fallback"] else ""), style="dim", markup=False)
        for sentence in one["sentences"]:
            console.print(f"  {sentence['text']}  {sentence['sources']}", markup=False, highlight=False)


@crag_app.command("ask", epilog="Example: tersus crag ask 'Does it last?' --collection reviews --group B00X")
def ask(
    ctx: typer.Context,
    question: Annotated[str, typer.Argument(help="In quotation marks.", show_default=False)],
    collection: CollectionName,
    group_by: GroupBy = None,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL",
            show_default=False,
            help="Send all of this group's summaries; else the nearest ones.",
        ),
    ] = None,
    top_k: Annotated[int, typer.Option(min=1, max=1000, metavar="K", help="Clusters to send.")] = 5,
    context_only: Annotated[
        bool, typer.Option("--context-only", help="Stop before the language model; no answer.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Answer a question from the summaries instead of the passages.

    The query is recorded in the ledger as any other; the summaries count as what was retrieved, so that
    no savings are claimed for it.
    """
    if not question.strip():
        raise InvalidInput("the question is empty", hint="tersus crag ask 'How is it?' --collection NAME")
    from ...rag import Pipeline
    from ...rag.crag import CragRetriever
    from .figures import savings_lines
    from .output import print_json, stderr, stdout, waiting

    with open_tersus(ctx) as tersus:
        retriever = CragRetriever(tersus.database, tersus.embedding, group_by=group_by, label=group)
        llm = None if context_only else tersus.llm
        pipeline = Pipeline(tersus.settings, tersus.database, retriever, llm)
        with waiting("retrieving" if context_only else "retrieving, answering"):
            result = pipeline.query(
                question, collection, compress=False, context_only=context_only, top_k=top_k
            )
    if as_json:
        print_json(result.to_dict())
        return
    stdout().print(result.context if context_only else result.answer or "", markup=False, highlight=False)
    for line in savings_lines(result, stderr()):
        stderr().print(line, style="dim", markup=False, highlight=False)


def _summariser(tersus: Tersus, name: str) -> Any:
    if name != "llm":
        return name
    from ...compressors.summarise import GenerativeSummariser

    return GenerativeSummariser(tersus.llm)
