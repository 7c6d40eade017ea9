"""``/v1/collections``: make, list, show, delete."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path

from ....rag import Tersus
from ....rag.api.collections import CollectionIn, CollectionList, CollectionOut, Deleted
from ....rag.api.errors import errors
from ....rag.embedding import embed_texts, embedding_fingerprint
from ....rag.ledger import ChunkRepository, CollectionRepository, CollectionSummary, DocumentRepository
from ..deps import Reader, TersusDep, Writer

__all__ = ["CollectionName", "router"]

router = APIRouter(prefix="/v1", tags=["documents"])
CollectionName = Annotated[str, Path(min_length=1, max_length=200)]


@router.post(
    "/collections",
    operation_id="create_collection",
    summary="Make a collection",
    status_code=201,
    responses=errors(409),
)
async def create_collection(body: CollectionIn, caller: Writer, tersus: TersusDep) -> CollectionOut:
    """An empty collection for the service's embedding model."""
    caller.may(body.name)

    def work() -> CollectionOut:
        fingerprint = embedding_fingerprint(tersus.embedding)
        dimension = int(embed_texts(tersus.embedding, ["dimension"]).shape[1])
        with tersus.database.session(write=True) as session:
            CollectionRepository(session).create(body.name, fingerprint, dimension, body.index)
        return _show(tersus, body.name)

    return await asyncio.to_thread(work)


@router.get("/collections", operation_id="list_collections", summary="List collections", responses=errors())
async def list_collections(caller: Reader, tersus: TersusDep) -> CollectionList:
    """Those that the caller may use, by name."""

    def work() -> CollectionList:
        with tersus.database.session() as session:
            found = CollectionRepository(session).list()
            return CollectionList(
                collections=[CollectionOut.of(one) for one in found if caller.sees(one.collection.name)]
            )

    return await asyncio.to_thread(work)


@router.get(
    "/collections/{name}",
    operation_id="get_collection",
    summary="Show a collection",
    responses=errors(404),
)
async def get_collection(name: CollectionName, caller: Reader, tersus: TersusDep) -> CollectionOut:
    """What it holds."""
    caller.may(name)
    return await asyncio.to_thread(_show, tersus, name)


@router.delete(
    "/collections/{name}",
    operation_id="delete_collection",
    summary="Delete a collection",
    responses=errors(404),
)
async def delete_collection(name: CollectionName, caller: Writer, tersus: TersusDep) -> Deleted:
    """Its documents, chunks, vectors and index; the ledger's rows stay."""
    caller.may(name)

    def work() -> Deleted:
        with tersus.database.session(write=True) as session:
            repository = CollectionRepository(session)
            row = repository.require(name)
            documents = DocumentRepository(session).count(row)
            repository.delete(name)
        tersus.store.drop(row)
        return Deleted(deleted=name, documents=documents)

    return await asyncio.to_thread(work)


def _show(tersus: Tersus, name: str) -> CollectionOut:
    with tersus.database.session() as session:
        row = CollectionRepository(session).require(name)
        documents, chunks = DocumentRepository(session).count(row), ChunkRepository(session).count(row)
        return CollectionOut.of(CollectionSummary(row, documents, chunks))
