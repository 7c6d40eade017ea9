"""Collections: find, make, count and delete them, and advance their sequence."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ...errors import InvalidInput
from .errors import CollectionExists, CollectionMismatch, UnknownCollection
from .tables import Chunk, Collection, Document

__all__ = ["CollectionRepository", "CollectionSummary"]

_LONGEST_NAME = 200
_NAMED = 5  # existing names shown where one is unknown
# Control characters, lone surrogates, line and paragraph separators.
_UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}


@dataclass(frozen=True, slots=True)
class CollectionSummary:
    """A collection and how much it holds."""

    collection: Collection
    documents: int
    chunks: int


class CollectionRepository:
    """Collections within the caller's transaction; nothing here commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(self, name: str, embedding_model: str, dimension: int, index_kind: str = "auto") -> Collection:
        """A new, empty collection; ``dimension`` is the length of its embeddings.

        Raises `InvalidInput` for a name with slashes, control characters or more than 200 characters,
        and `CollectionExists`.
        """
        collection = self._try_create(name, embedding_model, dimension, index_kind)
        if collection is None:
            raise CollectionExists(
                f"there is a collection named {name!r} already", hint="choose another name or delete it first"
            )
        return collection

    def get(self, name: str) -> Collection | None:
        """The collection of that name, or None."""
        return self._session.scalar(select(Collection).where(Collection.name == name))

    def require(self, name: str) -> Collection:
        """The collection of that name. Raises `UnknownCollection`, which names the nearest ones."""
        collection = self.get(name)
        if collection is None:
            raise self._unknown(name)
        return collection

    def get_or_create(
        self, name: str, embedding_model: str, dimension: int, index_kind: str = "auto"
    ) -> Collection:
        """The collection of that name, made if it is missing; safe where two processes do so at once.

        Raises `CollectionMismatch` where it exists with another embedding model or dimension.
        """
        collection = self.get(name) or self._try_create(name, embedding_model, dimension, index_kind)
        if collection is None:
            collection = self.require(name)  # somebody was faster
        if (collection.embedding_model, collection.dimension) != (embedding_model, dimension):
            raise CollectionMismatch(
                f"collection {name!r} was built with {collection.embedding_model} "
                f"({collection.dimension} dimensions), not {embedding_model} ({dimension})",
                hint="set that embedding model, or use another collection",
            )
        return collection

    def list(self) -> Sequence[CollectionSummary]:
        """All collections by name, each with its number of documents and of chunks."""
        documents = select(func.count()).where(Document.collection_id == Collection.id).scalar_subquery()
        chunks = select(func.count()).where(Chunk.collection_id == Collection.id).scalar_subquery()
        rows = self._session.execute(select(Collection, documents, chunks)).all()
        # Sorted here: databases differ in how they order text.
        return sorted((CollectionSummary(*row) for row in rows), key=lambda row: row.collection.name)

    def uids(self) -> set[str]:
        """The uids of all collections."""
        return set(self._session.scalars(select(Collection.uid)))

    def delete(self, name: str) -> None:
        """Delete a collection with its documents, chunks and vectors; the ledger's rows stay.

        Raises `UnknownCollection`.
        """
        collection = self.require(name)
        self._session.execute(delete(Collection).where(Collection.id == collection.id))

    def set_index_kind(self, collection: Collection, kind: str) -> None:
        """Ask for another kind of index; what is in memory or on disk is built anew for it."""
        self.lock(collection).index_kind = kind
        self._session.flush()

    def lock(self, collection: Collection) -> Collection:
        """The collection, read anew and locked until the transaction ends; other writers of it wait.

        On SQLite the writing session holds the database's only write lock anyway.
        Raises `UnknownCollection` where it was deleted meanwhile.
        """
        statement = select(Collection).where(Collection.id == collection.id).with_for_update()
        locked = self._session.scalar(statement.execution_options(populate_existing=True))
        if locked is None:
            raise self._unknown(collection.name)
        return locked

    def advance(self, collection: Collection) -> int:
        """Lock the collection, add one to its sequence and return the new value."""
        locked = self.lock(collection)
        locked.sequence += 1
        self._session.flush()
        return locked.sequence

    def _try_create(self, name: str, model: str, dimension: int, index_kind: str) -> Collection | None:
        """The new collection, or None where the name is taken (by another transaction, too)."""
        _check_name(name)
        if dimension < 1:
            raise InvalidInput(
                f"the dimension is {dimension}", hint="give the length of the embedding model's vectors"
            )
        if self.get(name) is not None:
            return None
        collection = Collection(name=name, embedding_model=model, dimension=dimension, index_kind=index_kind)
        try:
            # A savepoint, so that the caller's transaction survives a lost race.
            with self._session.begin_nested():
                self._session.add(collection)
        except IntegrityError:
            if self.get(name) is None:
                raise  # something else than the name was wrong
            return None
        return collection

    def _unknown(self, name: str) -> UnknownCollection:
        names = sorted(self._session.scalars(select(Collection.name)))
        near = get_close_matches(name, names, n=_NAMED, cutoff=0.5)
        if near:
            known = f"did you mean {', '.join(near)}?"
        elif names:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            known = f"there are: {', '.join(names[:_NAMED])}{more}"
        else:
            known = "there is none yet"
        return UnknownCollection(
            f"no collection is named {name!r}; {known}", hint="a collection is made by adding documents to it"
        )


def _check_name(name: str) -> None:
    wrong = None
    if not name.strip():
        wrong = "is empty"
    elif len(name) > _LONGEST_NAME:
        wrong = f"has {len(name)} characters, at most {_LONGEST_NAME} fit"
    elif "/" in name or "\\" in name:
        wrong = "holds a slash"
    elif any(unicodedata.category(character) in _UNPRINTABLE for character in name):
        wrong = "holds control characters"
    elif name != name.strip() or name in (".", ".."):
        wrong = "begins or ends with a blank, or is only dots"
    if wrong:
        raise InvalidInput(
            f"the collection name {name[:40]!r} {wrong}", hint="use letters, digits, dashes and underscores"
        )
