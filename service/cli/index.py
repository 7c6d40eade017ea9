"""``tersus index``: the vectors beside what SQL says they should be."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import Json, open_tersus
from .typers import QuietTyper

if TYPE_CHECKING:
    from ...rag import Tersus
    from ...rag.index_store import IndexStatus

__all__ = ["index_app"]

index_app = QuietTyper(
    help="The vector indexes: whether they are level with the database, and rebuilding them.",
    no_args_is_help=True,
)

_Which = Annotated[
    str | None,
    typer.Option(
        "--collection",
        "-c",
        metavar="NAME",
        show_default=False,
        help="Only this one; all of them by default.",
    ),
]


@index_app.command(epilog="Example: tersus index status --collection docs")
def status(ctx: typer.Context, collection: _Which = None, as_json: Json = False) -> None:
    """Compare the saved indexes with the database; nothing is changed.

    An index that is behind, missing or damaged costs time and never a wrong answer: the next query
    fills it from the database.
    """
    from .output import one_line, print_json, stdout
    from .tables import print_table

    with open_tersus(ctx) as tersus:
        found = {name: tersus.store.status(name) for name in _names(tersus, collection)}
    if as_json:
        print_json({"indexes": [status_dict(name, one) for name, one in found.items()]})
        return
    console = stdout()
    if not found:
        console.print("There are no collections yet.")
        return
    rows = [
        [
            one_line(name),
            f"{one.chunks:,}",
            "none" if one.vectors is None else f"{one.vectors:,}",
            one.kind or "",
            one_line(state_words(one)),
        ]
        for name, one in found.items()
    ]
    columns = ["Collection", "Chunks", "Vectors", "Kind", "State"]
    print_table(console, columns, rows, numbers=columns[1:3], fold=["Collection", "State"])


@index_app.command(epilog="Example: tersus index rebuild --collection docs --kind hnsw")
def rebuild(
    ctx: typer.Context,
    collection: _Which = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            "-k",
            metavar="KIND",
            show_default=False,
            help="flat (exact), hnsw, ivf-flat, ivf-sq8, ivf-pq, one of a plug-in, or auto: what fits the "
            "number of chunks and the memory. From then on the collection's own; as it is by default.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Throw indexes away and fill them anew from the vectors in the database.

    The kind trades memory for speed and exactness; README's sizing page says which fits what.
    """
    from .output import counting, one_line, print_json, stdout

    console, rebuilt = stdout(), {}
    with open_tersus(ctx) as tersus:
        for name in _names(tersus, collection):
            if kind is not None:
                _ask_for(tersus, name, kind)
            with counting(f"rebuilding {one_line(name)}") as advance:
                rebuilt[name] = tersus.store.rebuild(name, advance)
            if not as_json:
                console.print(f"{one_line(name)}: {rebuilt[name]:,} vectors", soft_wrap=True)
    if as_json:
        print_json({"rebuilt": [{"collection": n, "vectors": count} for n, count in rebuilt.items()]})
    elif not rebuilt:
        console.print("There are no collections yet.")


def _ask_for(tersus: Tersus, name: str, kind: str) -> None:
    from ...indexes import load_index_class
    from ...indexes.choose import AUTO
    from ...rag.ledger import CollectionRepository

    if kind != AUTO:
        load_index_class(kind)  # a kind that is not installed is refused before anything is thrown away
    with tersus.database.session(write=True) as session:
        repository = CollectionRepository(session)
        repository.set_index_kind(repository.require(name), kind)


def _names(tersus: Tersus, collection: str | None) -> list[str]:
    from ...rag.ledger import CollectionRepository

    with tersus.database.session() as session:
        repository = CollectionRepository(session)
        if collection is not None:
            return [repository.require(collection).name]
        return [summary.collection.name for summary in repository.list()]


def status_dict(name: str, status: IndexStatus) -> dict[str, Any]:
    """One index as JSON-ready values."""
    return {"collection": name, **asdict(status), "path": str(status.path)}


def state_words(status: IndexStatus) -> str:
    """The state of an index in words."""
    if status.current:
        return f"current; {status.outgrown}: tersus index rebuild" if status.outgrown else "current"
    if status.problem:
        return f"filled at the next query: {status.problem}"
    return "behind: it catches up at the next query"
