"""Every call of the API: what is sent, and as what the answer is read. Both clients are made of these."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote

from pydantic import BaseModel

from ...compressors import Budget, Passage
from ..api.budget import BudgetIn
from ..api.collections import (
    CollectionIn,
    CollectionList,
    CollectionOut,
    Deleted,
    DocumentIn,
    DocumentList,
    DocumentOut,
    DocumentsIn,
    IngestOut,
)
from ..api.compressors import CompressorList
from ..api.evaluations import EvaluationList, EvaluationOut
from ..api.jobs import JobList, JobOut
from ..api.ledger import QueryList, QueryRecord, SavingsOut
from ..api.passages import PassageIn
from ..api.queries import (
    CompressRequest,
    CompressResponse,
    QueryRequest,
    QueryResponse,
    RetrieveRequest,
    RetrieveResponse,
)
from ..api.search import SearchIn
from ..ledger.savings import By

__all__ = ["Call", "Calls", "GivenBudget"]

T = TypeVar("T", bound=BaseModel)
GivenBudget = Budget | BudgetIn | float | None
"""A budget; a number is a ratio."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request. ``repeatable``: sending it twice does no harm, or is noticed by its idempotency key."""

    method: str
    path: str
    answer: type[T]
    json: BaseModel | None = None
    params: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    files: list[tuple[str, tuple[str, bytes]]] | None = None
    repeatable: bool = True


class Calls:
    """Makes calls; raises pydantic's ValidationError for arguments that no service would take."""

    def create_collection(self, name: str, index: str = "auto") -> Call[CollectionOut]:
        """Make an empty collection; ``index`` is the kind of its index."""
        body = CollectionIn.model_validate({"name": name, "index": index})
        return Call("POST", "/v1/collections", CollectionOut, body, repeatable=False)

    def list_collections(self) -> Call[CollectionList]:
        """The collections that the key may use."""
        return Call("GET", "/v1/collections", CollectionList)

    def get_collection(self, name: str) -> Call[CollectionOut]:
        """What a collection holds."""
        return Call("GET", _collection(name), CollectionOut)

    def delete_collection(self, name: str) -> Call[Deleted]:
        """Delete a collection; the ledger's rows stay."""
        return Call("DELETE", _collection(name), Deleted, repeatable=False)

    def add_documents(self, name: str, documents: Sequence[DocumentIn]) -> Call[IngestOut]:
        """Store documents by their ids: what is there is replaced, what is unchanged left alone."""
        body = DocumentsIn(documents=list(documents))
        return Call("POST", f"{_collection(name)}/documents", IngestOut, body, headers=_once())

    def queue_documents(self, name: str, documents: Sequence[DocumentIn]) -> Call[JobOut]:
        """The same as a job."""
        body = DocumentsIn(documents=list(documents))
        params = {"wait": "false"}
        return Call("POST", f"{_collection(name)}/documents", JobOut, body, params, repeatable=False)

    def list_documents(self, name: str, after: int = 0, limit: int = 100) -> Call[DocumentList]:
        """Documents without their texts; ``after`` is ``next`` of the page before."""
        params = {"after": after, "limit": limit}
        return Call("GET", f"{_collection(name)}/documents", DocumentList, params=params)

    def get_document(self, name: str, document_id: str) -> Call[DocumentOut]:
        """A document with its text."""
        return Call("GET", _document(name, document_id), DocumentOut)

    def delete_document(self, name: str, document_id: str) -> Call[Deleted]:
        """Delete a document."""
        return Call("DELETE", _document(name, document_id), Deleted, repeatable=False)

    def add_files(self, name: str, files: Sequence[tuple[str, bytes]]) -> Call[JobOut]:
        """Store files given as (name, bytes), as a job."""
        parts = [("files", file) for file in files]
        return Call("POST", f"{_collection(name)}/files", JobOut, files=parts, repeatable=False)

    def list_jobs(self, limit: int = 50) -> Call[JobList]:
        """The newest jobs."""
        return Call("GET", "/v1/jobs", JobList, params={"limit": limit})

    def get_job(self, job_id: str) -> Call[JobOut]:
        """How far a job is, or how it ended."""
        return Call("GET", f"/v1/jobs/{quote(job_id, safe='')}", JobOut)

    def cancel_job(self, job_id: str) -> Call[JobOut]:
        """End a job at its next document."""
        return Call("DELETE", f"/v1/jobs/{quote(job_id, safe='')}", JobOut)

    def retrieve(
        self, query: str, collection: str, top_k: int | None = None, search: SearchIn | None = None
    ) -> Call[RetrieveResponse]:
        """The best passages of a collection."""
        body = RetrieveRequest(query=query, collection=collection, top_k=top_k, search=search)
        return Call("POST", "/v1/retrieve", RetrieveResponse, body)

    def compress(
        self,
        query: str | None,
        passages: Sequence[str | Passage | PassageIn],
        compressor: str | None = None,
        budget: GivenBudget = None,
    ) -> Call[CompressResponse]:
        """Shrink passages to what the query needs."""
        given = [_passage(one) for one in passages]
        body = CompressRequest(query=query, passages=given, compressor=compressor, budget=_budget(budget))
        return Call("POST", "/v1/compress", CompressResponse, body, headers=_once())

    def query(
        self,
        query: str,
        collection: str,
        compressor: str | None = None,
        budget: GivenBudget = None,
        top_k: int | None = None,
        search: SearchIn | None = None,
        compress: bool = True,
        context_only: bool = False,
        stream: bool = False,
    ) -> Call[QueryResponse]:
        """Answer a question from a collection."""
        body = QueryRequest(
            query=query, collection=collection, compressor=compressor, budget=_budget(budget), top_k=top_k,
            search=search, compress=compress, context_only=context_only, stream=stream,
        )  # fmt: skip
        headers = {} if stream else _once()
        return Call("POST", "/v1/query", QueryResponse, body, headers=headers, repeatable=not stream)

    def list_queries(
        self, collection: str | None = None, before: str | None = None, limit: int = 50
    ) -> Call[QueryList]:
        """Rows of the ledger, newest first; ``before`` is ``next`` of the page before."""
        params = {"collection": collection, "before": before, "limit": limit}
        return Call("GET", "/v1/queries", QueryList, params=_given(params))

    def get_query(self, query_id: str) -> Call[QueryRecord]:
        """The account of one query."""
        return Call("GET", f"/v1/queries/{quote(query_id, safe='')}", QueryRecord)

    def savings(
        self,
        by: By | None = None,
        since: str | None = None,
        until: str | None = None,
        collection: str | None = None,
        kind: Sequence[Literal["query", "compress", "shadow", "evaluation", "demo"]] | None = None,
    ) -> Call[SavingsOut]:
        """What was saved; ``since`` and ``until`` as 2026-11-01, a time, 24h or 7d."""
        params = {"by": by, "since": since, "until": until, "collection": collection, "kind": kind}
        return Call("GET", "/v1/savings", SavingsOut, params=_given(params))

    def list_compressors(self) -> Call[CompressorList]:
        """The compressors with their options."""
        return Call("GET", "/v1/compressors", CompressorList)

    def list_evaluations(self, limit: int | None = None) -> Call[EvaluationList]:
        """Runs of ``tersus eval``, the newest first."""
        return Call("GET", "/v1/evaluations", EvaluationList, params=_given({"limit": limit}))

    def get_evaluation(self, run_id: str) -> Call[EvaluationOut]:
        """One run with its figures."""
        return Call("GET", f"/v1/evaluations/{quote(run_id, safe='')}", EvaluationOut)


def _collection(name: str) -> str:
    return f"/v1/collections/{quote(name, safe='')}"


def _document(name: str, document_id: str) -> str:
    return f"{_collection(name)}/documents/{quote(document_id, safe='')}"


def _once() -> dict[str, str]:
    """One key a call: a request that is sent again is answered, not done again."""
    return {"Idempotency-Key": uuid.uuid4().hex}


def _given(params: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def _budget(given: GivenBudget) -> BudgetIn | None:
    if given is None or isinstance(given, BudgetIn):
        return given
    if not isinstance(given, Budget):
        return BudgetIn(ratio=given)
    risk = given.risk if isinstance(given.risk, float) else None
    return BudgetIn(
        ratio=given.ratio, max_tokens=given.max_tokens, risk=risk, adaptive=given.adaptive or None
    )


def _passage(given: str | Passage | PassageIn) -> str | PassageIn:
    if not isinstance(given, Passage):
        return given
    return PassageIn(
        text=given.text, id=given.id or None, title=given.title, document_id=given.document_id,
        metadata=dict(given.metadata),
    )  # fmt: skip
