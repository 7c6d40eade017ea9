"""``tersus clusters``: what a collection is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import CollectionName, Json, UsageProblem, open_tersus

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["clusters"]

_WORDS = 60  # characters of a central passage


def clusters(
    ctx: typer.Context,
    collection: CollectionName,
    build: Annotated[
        bool, typer.Option("--build", help="Cluster the collection, anew if it was clustered before.")
    ] = False,
    k: Annotated[
        int | None,
        typer.Option(
            "--k",
            min=1,
            metavar="K",
            show_default=False,
            help="How many clusters; fits the collection by default.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", show_default=False, help="Seed of k-means, 0 by default."),
    ] = None,
    terms: Annotated[int, typer.Option(min=0, metavar="N", help="Key terms of each cluster.")] = 6,
    passages: Annotated[int, typer.Option(min=0, metavar="N", help="Central passages of each cluster.")] = 2,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", show_default=False, help="Show only the largest clusters."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the clusters of a collection: sizes, key terms, central passages.

    Clusters are built once, with --build. Passages that come later join the nearest one, and a note says
    when building anew is worth it. Searches can be filtered by the field 'cluster', and
    'tersus crag build --group-by cluster' summarises each.
    """
    if not build and (k is not None or seed is not None):
        raise UsageProblem(f"{'--k' if k is not None else '--seed'} needs --build", hint="add --build")
    from ...indexes.device import resolve
    from ...rag.clusters import build_clusters, describe_clusters
    from .output import counting, print_json, stdout, waiting

    built: dict[str, Any] | None = None
    with open_tersus(ctx) as tersus:
        if build:
            with counting("clustering") as advance:
                report = build_clusters(
                    tersus.database,
                    collection,
                    k,
                    seed=seed or 0,
                    device=resolve(tersus.settings.index_device),
                    advance=advance,
                )
            built = report.as_dict()
        with waiting("counting words"):
            found = describe_clusters(
                tersus.database, collection, terms=terms, passages=passages, limit=limit
            )
    if as_json:
        print_json({**found, "built": built} if built else found)
        return
    _print(stdout(), found)


def _print(console: Console, found: dict[str, Any]) -> None:
    from .figures import share
    from .output import one_line
    from .tables import print_table

    rows = [
        [
            str(one["cluster"]),
            f"{one['chunks']:,}",
            share(one["share"]),
            ", ".join(one["terms"]),
            "\n".join(_passage(passage) for passage in one["passages"]),
        ]
        for one in found["clusters"]
    ]
    columns = ["Cluster", "Passages", "Share", "Key terms", "Central passages"]
    print_table(console, columns, rows, numbers=columns[:3], fold=columns[3:])
    similarity = (
        "" if found["similarity"] is None else f", mean cosine to the centre {found['similarity']:.2f}"
    )
    console.print(
        f"\n{one_line(found['collection'])}: {found['chunks']:,} passages, "
        f"{found['clusters_in_all']:,} clusters{similarity}",
        style="dim",
        soft_wrap=True,
    )
    if found["rebuild"]:
        console.print(
            f"{found['rebuild'].capitalize()}: tersus clusters --collection "
            f"{one_line(found['collection'])} --build clusters anew.",
            soft_wrap=True,
        )


def _passage(passage: dict[str, Any]) -> str:
    """The title, and the first words."""
    from .output import one_line

    title, text = one_line(passage["title"]), one_line(passage["text"])
    whole = f"{title}: {text}" if title else text
    return whole if len(whole) <= _WORDS else whole[: _WORDS - 3].rstrip() + "..."
