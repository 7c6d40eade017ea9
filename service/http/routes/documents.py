"""``/v1/collections/{name}/documents``: store, list, show, delete."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from ....rag import Tersus
from ....rag.api.collections import (
    Deleted,
    DocumentIn,
    DocumentList,
    DocumentOut,
    DocumentsIn,
    DocumentSummary,
    IngestOut,
)
from ....rag.api.errors import errors
from ....rag.api.jobs import JobOut
from ....rag.ingest.readers_document import ParsedDocument
from ....rag.ledger import CollectionRepository, DocumentRepository
from ....rag.ledger.errors import UnknownDocument
from ..deps import Config, Jobs, Reader, Room, TersusDep, Writer
from ..errors import TooMany
from ..once import answered_once, json_answer
from .collections import CollectionName

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["documents"])
DocumentId = Annotated[str, Path(min_length=1, max_length=2000, description="May hold slashes.")]


@router.post(
    "/collections/{name}/documents",
    operation_id="add_documents",
    summary="Store documents",
    response_model=IngestOut,
    responses={**errors(404, 409, 504), 202: {"model": JobOut, "description": "Queued as a job."}},
)
async def add_documents(
    name: CollectionName,
    body: DocumentsIn,
    request: Request,
    caller: Writer,
    tersus: TersusDep,
    config: Config,
    room: Room,
    jobs: Jobs,
    wait: Annotated[bool, Query(description="False queues a job, and answers 202 with it.")] = True,
) -> Response:
    """Cut, embed and store; each document whole or not at all, by its id. With an `Idempotency-Key` once."""
    caller.may(name)
    if len(body.documents) > config.max_documents:
        raise TooMany(
            f"{len(body.documents)} documents, and {config.max_documents} are the most",
            hint="send them in several requests",
        )
    await asyncio.to_thread(_require, tersus, name)
    parsed = [_parsed(document) for document in body.documents]
    if not wait:
        job = await asyncio.to_thread(
            jobs.submit,
            "documents",
            name,
            len(parsed),
            lambda tell: tersus.ingester.ingest_documents(parsed, name, on_progress=tell),
            key_id=caller.key.id if caller.key else None,
        )
        return json_answer(JobOut.of(job), 202)

    def work() -> IngestOut:
        return IngestOut.of(tersus.ingester.ingest_documents(parsed, name))

    async def make() -> IngestOut:
        return await room.run(request, asyncio.to_thread(work))

    return await answered_once(request, caller, tersus, config, make)


@router.get(
    "/collections/{name}/documents",
    operation_id="list_documents",
    summary="List documents",
    responses=errors(404),
)
async def list_documents(
    name: CollectionName,
    caller: Reader,
    tersus: TersusDep,
    after: Annotated[int, Query(ge=0, lt=2**63, description="`next` of the page before.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> DocumentList:
    """Without their texts, in the order in which they were first added."""
    caller.may(name)

    def work() -> DocumentList:
        with tersus.database.session() as session:
            row = CollectionRepository(session).require(name)
            found = DocumentRepository(session).list(row, limit + 1, after=after)
            shown = found[:limit]
            more = shown[-1].id if len(found) > limit else None
            return DocumentList(documents=[DocumentSummary.of(one) for one in shown], next=more)

    return await asyncio.to_thread(work)


@router.get(
    "/collections/{name}/documents/{document_id:path}",
    operation_id="get_document",
    summary="Show a document",
    responses=errors(404),
)
async def get_document(
    name: CollectionName, document_id: DocumentId, caller: Reader, tersus: TersusDep
) -> DocumentOut:
    """With its text."""
    caller.may(name)

    def work() -> DocumentOut:
        with tersus.database.session() as session:
            found = DocumentRepository(session).get(CollectionRepository(session).require(name), document_id)
            if found is None:
                raise _unknown(name, document_id)
            return DocumentOut.of(found)

    return await asyncio.to_thread(work)


@router.delete(
    "/collections/{name}/documents/{document_id:path}",
    operation_id="delete_document",
    summary="Delete a document",
    responses=errors(404),
)
async def delete_document(
    name: CollectionName, document_id: DocumentId, caller: Writer, tersus: TersusDep
) -> Deleted:
    """With its chunks and vectors."""
    caller.may(name)

    def work() -> Deleted:
        with tersus.database.session(write=True) as session:
            row = CollectionRepository(session).require(name)
            if not DocumentRepository(session).delete(row, [document_id]):
                raise _unknown(name, document_id)
        return Deleted(deleted=document_id, documents=1)

    return await asyncio.to_thread(work)


def _parsed(document: DocumentIn) -> ParsedDocument:
    return ParsedDocument(
        external_id=document.id,
        title=document.title,
        text=document.text,
        media_type="text/plain",
        size_bytes=len(document.text.encode("utf-8", "surrogatepass")),
        meta=dict(document.metadata),
    )


def _require(tersus: Tersus, name: str) -> None:
    with tersus.database.session() as session:
        CollectionRepository(session).require(name)


def _unknown(name: str, document_id: str) -> UnknownDocument:
    return UnknownDocument(
        f"collection {name!r} holds no document {document_id!r:.200}",
        hint=f"see: GET /v1/collections/{name}/documents",
    )
