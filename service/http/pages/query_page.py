"""The ledger's rows as pages: a list, and one query with what was kept marked in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ....rag import Tersus
from ....rag.ledger import QueryRepository
from ....rag.ledger.errors import UnknownQuery
from ....rag.ledger.tables import Query
from ..deps import Caller

__all__ = ["marked", "query_list", "query_page"]

_PAGE = 50
_ID = re.compile(r"[0-9a-f]{32}")


def query_list(tersus: Tersus, who: Caller, before: str, collection: str | None) -> dict[str, Any]:
    """The template's values: a page of rows, those behind the row ``before``."""
    with tersus.database.session() as session:
        repository = QueryRepository(session)
        first = repository.get(before) if _ID.fullmatch(before) else None
        rows = repository.list(
            collection=collection,
            collections=who.key.collections if who.key else None,
            key_id=who.key.id if who.key else None,
            before=first if first is not None and _visible(who, first) else None,
            limit=_PAGE + 1,
        )
        shown = [{c.key: getattr(row, c.key) for c in _LISTED} for row in rows[:_PAGE]]
    more = shown[-1]["id"] if len(rows) > _PAGE else None
    return {"rows": shown, "more": more, "collection": collection or "", "paged": bool(before)}


_LISTED = [c for c in Query.__table__.columns if c.key not in ("passages", "answer", "metadata")]


def query_page(tersus: Tersus, who: Caller, query_id: str) -> dict[str, Any]:
    """The template's values. Raises UnknownQuery, also where the caller may not see it."""
    with tersus.database.session() as session:
        row = QueryRepository(session).get(query_id) if _ID.fullmatch(query_id) else None
        if row is None or not _visible(who, row):
            raise UnknownQuery(f"there is no query {query_id[:40]}", hint="see /queries")
        values = {c.key: getattr(row, c.key) for c in Query.__mapper__.column_attrs}
    passages = [
        {
            "title": passage.get("title") or passage.get("document") or passage.get("id") or "untitled",
            "document": passage.get("document"),
            "rewritten": passage.get("kept") is None,
            "sent": passage.get("sent"),
            "segments": marked(passage),
            "share": _share(passage),
        }
        for passage in values["passages"] or ()
    ]
    return {"row": values, "passages": passages}


def marked(passage: Mapping[str, Any]) -> list[tuple[bool, str]]:
    """The passage's text in order, as (kept, text); nothing where the ledger does not hold it in full."""
    text, kept = passage.get("text"), passage.get("kept")
    if not isinstance(text, str) or not text:
        return []
    spans: Sequence[Mapping[str, Any]] = kept or ()
    if any(span["end"] > len(text) for span in spans):  # a hash stands in the text's place
        return []
    found, place = [], 0
    for span in spans:
        if span["start"] > place:
            found.append((False, text[place : span["start"]]))
        found.append((True, text[span["start"] : span["end"]]))
        place = span["end"]
    if place < len(text):
        found.append((False, text[place:]))
    return found


def _share(passage: Mapping[str, Any]) -> float | None:
    text, kept = passage.get("text"), passage.get("kept")
    if not text or kept is None:
        return None
    characters: int = sum(span["end"] - span["start"] for span in kept)
    return min(1.0, characters / len(text))


def _visible(who: Caller, row: Query) -> bool:
    return who.sees(row.collection) or (who.key is not None and row.key_id == who.key.id)
