"""The process that is killed: it adds, replaces, deletes, saves and rebuilds until it is stopped."""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...rag.index_store import IndexStore
from ...rag.indexing.choice import IndexSettings
from ...rag.ledger import CollectionRepository, Database, DocumentRepository, NewChunk, NewDocument, schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CHUNKS", "COLLECTION", "DIMENSION", "fill", "opened", "vectors_of", "work"]

COLLECTION, MODEL, DIMENSION = "crash", "made up", 384
CHUNKS = 20
"""Of each document."""
_CENTRES = 500
_KINDS = ("flat", "ivf-flat", "ivf-sq8", "hnsw", "ivf-pq", "auto")
_NO_GRAPHS_FROM = 50_000  # chunks: a graph of more takes longer to build than a process lives here


def vectors_of(document: int, version: int) -> NDArray[np.float32]:
    """The vectors of a document's chunks ``[CHUNKS, DIMENSION]``, around centres as embeddings lie."""
    middle = np.random.default_rng(document % _CENTRES).normal(size=DIMENSION)
    near = np.random.default_rng([document, version]).normal(scale=0.8, size=(CHUNKS, DIMENSION))
    found = middle + near
    unit: NDArray[np.float32] = (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)
    return unit


def opened(home: Path, *, background: bool = False) -> tuple[Database, IndexStore]:
    """Database and indexes in ``home``; outgrown ones are built anew beside only if asked."""
    database = Database(f"sqlite:///{home}/crash.db")
    schema.ready(database, embedded=True)
    return database, IndexStore(home / "indexes", database, IndexSettings(background=background))


def put(database: Database, documents: list[tuple[int, int]]) -> None:
    """Store ``(document, version)``, all in one transaction; replaces what is there."""
    with database.session(write=True) as session:
        row = CollectionRepository(session).get_or_create(COLLECTION, MODEL, DIMENSION)
        for number, version in documents:
            chunks = [
                NewChunk(i, i + 1, "", "x", vector) for i, vector in enumerate(vectors_of(number, version))
            ]
            name, digest = f"{number}", f"{version}"
            new = NewDocument(name, name, "x" * CHUNKS, digest, "text/plain", CHUNKS, chunks=chunks)
            DocumentRepository(session).replace(row, new)


def fill(home: Path, documents: int) -> None:
    """Version 0 of so many documents, and a snapshot."""
    database, store = opened(home)
    for start in range(0, documents, 100):
        put(database, [(number, 0) for number in range(start, min(start + 100, documents))])
    store.save(COLLECTION)


def work(home: str, seed: str, documents: str) -> None:
    """Change at random until killed; say what is begun and what is done, a line each.

    First the line ``ready SECONDS`` with the time that opening took, from nothing to a level index.
    """
    number, many = int(seed), int(documents)
    chance = random.Random(number)  # noqa: S311 - which change comes next is no secret
    started = time.perf_counter()
    database, store = opened(Path(home), background=True)
    store.open(COLLECTION)
    _say(f"ready {time.perf_counter() - started:.3f}")
    version = number * 1000
    while True:
        version += 1
        kind = chance.choices(("put", "delete", "save", "rebuild", "open"), (5, 3, 3, 2, 3))[0]
        name = chance.randrange(many * 11 // 10)
        _say(f"begin {kind} {name} {version}")
        if kind == "put":
            put(database, [(name, version)])
        elif kind == "delete":
            with database.session(write=True) as session:
                row = CollectionRepository(session).require(COLLECTION)
                DocumentRepository(session).delete(row, [str(name)])
        elif kind == "save":
            store.save(COLLECTION)
        elif kind == "open":
            store.open(COLLECTION)
        else:
            few = many * CHUNKS < _NO_GRAPHS_FROM
            wanted = chance.choice([k for k in _KINDS if few or k not in ("hnsw", "auto")])
            with database.session(write=True) as session:
                repository = CollectionRepository(session)
                repository.set_index_kind(repository.require(COLLECTION), wanted)
            store.rebuild(COLLECTION)
        _say(f"done {kind} {name} {version}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
