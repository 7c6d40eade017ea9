"""``tersus search``: passages for a question, without a language model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...errors import InvalidInput
from .common import CollectionName, Json, open_tersus
from .search_options import FilterJson, MinScore, Mmr, SearchMode, TopK, Window, search_from

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...compressors import Passage

__all__ = ["search"]

_WORDS = 300  # characters of a passage that a table shows


def search(
    ctx: typer.Context,
    question: Annotated[str, typer.Argument(help="In quotation marks.", show_default=False)],
    collection: CollectionName,
    mode: SearchMode = None,
    filter_json: FilterJson = None,
    top_k: TopK = None,
    min_score: MinScore = None,
    mmr: Mmr = None,
    window: Window = 0,
    as_json: Json = False,
) -> None:
    """Find the passages of a collection for a question, and show them with their scores.

    No language model is asked and no row is written to the ledger. Scores are cosines in mode dense, BM25
    in bm25, and sums of reciprocal ranks in hybrid. Fields of --filter are metadata of passages and
    documents, and document_id and document_title.
    """
    options = search_from(mode, filter_json, min_score, mmr, window)
    if not question.strip():
        raise InvalidInput("the question is empty", hint="tersus search 'What is ...?' --collection NAME")
    from ...rag.ledger import CollectionRepository
    from .output import print_json, stdout, waiting

    with open_tersus(ctx) as tersus:
        with tersus.database.session() as session:
            CollectionRepository(session).require(collection)  # told before the model loads
        used = options.mode if options and options.mode else tersus.settings.search
        with waiting("searching"):
            found = tersus.retriever.retrieve(question, collection, top_k or tersus.settings.top_k, options)
    if as_json:
        passages = [_dict(passage) for passage in found]
        print_json({"question": question, "collection": collection, "mode": used, "passages": passages})
        return
    if not found:
        stdout().print(f"Nothing found in {collection!r}.", soft_wrap=True)
        return
    _print(found, used)


def _print(found: Sequence[Passage], mode: str) -> None:
    from .output import one_line, short_path, stdout
    from .tables import print_table

    rows = [
        [
            str(rank),
            _score(passage.score, mode),
            one_line(passage.title),
            short_path(passage.document_id or ""),
            _shortened(one_line(passage.text)),
        ]
        for rank, passage in enumerate(found, 1)
    ]
    columns = ["#", "Score", "Title", "Document", "Passage"]
    print_table(stdout(), columns, rows, numbers=columns[:2], fold=columns[2:])


def _score(score: float | None, mode: str) -> str:
    if score is None:
        return ""
    return f"{score:.4f}" if mode == "hybrid" else f"{score:.2f}" if mode == "bm25" else f"{score:.3f}"


def _shortened(text: str) -> str:
    return text if len(text) <= _WORDS else f"{text[: _WORDS - 3].rstrip()}..."


def _dict(passage: Passage) -> dict[str, Any]:
    return {
        "id": passage.id,
        "score": passage.score,
        "title": passage.title,
        "document": passage.document_id,
        "offset": passage.offset,
        "text": passage.text,
        "metadata": dict(passage.metadata),
    }
