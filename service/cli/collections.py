"""``tersus collections``: what there is, and deleting one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import Json, UsageProblem, open_tersus
from .typers import QuietTyper

if TYPE_CHECKING:
    from ...rag import Tersus

__all__ = ["collections_app"]

collections_app = QuietTyper(
    help="List the collections, or delete one.",
    invoke_without_command=True,
    epilog="Example: tersus collections --json",
)


@collections_app.callback()
def list_collections(ctx: typer.Context, as_json: Json = False) -> None:
    """List the collections with what they hold; 'tersus collections delete NAME' removes one."""
    if ctx.invoked_subcommand is not None:
        return
    from .output import one_line, print_json, stdout
    from .tables import print_table

    with open_tersus(ctx) as tersus:
        found = describe(tersus)
    if as_json:
        print_json({"collections": found})
        return
    console = stdout()
    if not found:
        console.print("There are no collections yet.")
        console.print("Make one: tersus ingest PATH --collection NAME", style="dim")
        return
    numbers = ["Documents", "Chunks", "Sequence"]
    rows = [
        [
            one_line(one["name"]),
            *(f"{one[name.lower()]:,}" for name in numbers),
            one_line(one["embedding_model"]),
            one_line(one["index"]["state"]),
        ]
        for one in found
    ]
    columns = ["Name", *numbers, "Embedding model", "Index"]
    print_table(console, columns, rows, numbers=numbers, fold=["Name", "Embedding model", "Index"])


def describe(tersus: Tersus) -> list[dict[str, Any]]:
    """All collections with their sizes and the state of their indexes, JSON-ready."""
    from ...rag.ledger import CollectionRepository
    from .index import state_words, status_dict

    with tersus.database.session() as session:
        summaries = CollectionRepository(session).list()
    found = []
    for summary in summaries:
        collection = summary.collection
        status = tersus.store.status(collection.name)
        index = status_dict(collection.name, status)
        del index["collection"], index["chunks"]
        found.append(
            {
                "name": collection.name,
                "documents": summary.documents,
                "chunks": summary.chunks,
                "embedding_model": collection.embedding_model,
                "dimension": collection.dimension,
                "sequence": collection.sequence,
                "created_at": collection.created_at.isoformat(),
                "index": {"kind": collection.index_kind, "state": state_words(status), **index},
            }
        )
    return found


@collections_app.command(epilog="Example: tersus collections delete docs --yes")
def delete(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The collection to delete.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a collection: its documents, chunks, vectors and index. The ledger's rows stay."""
    from ...rag.ledger import ChunkRepository, CollectionRepository, DocumentRepository
    from .output import one_line, print_json, stdout

    with open_tersus(ctx) as tersus:
        with tersus.database.session() as session:
            collection = CollectionRepository(session).require(name)
            documents = DocumentRepository(session).count(collection)
            chunks = ChunkRepository(session).count(collection)
        if not yes:
            if not sys.stdin.isatty():
                raise UsageProblem("deleting needs a yes, and nobody can be asked", hint="add --yes")
            typer.confirm(f"Delete {one_line(name)} with {documents:,} documents?", abort=True, err=True)
        with tersus.database.session(write=True) as session:
            CollectionRepository(session).delete(name)
        tersus.store.drop(collection)
    if as_json:
        print_json({"deleted": name, "documents": documents, "chunks": chunks})
    else:
        stdout().print(
            f"deleted {one_line(name)}: {documents:,} documents, {chunks:,} chunks", soft_wrap=True
        )
