"""A judged collection through the real retriever: ingested, asked, measured."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...errors import TersusError
from ...rag import Tersus
from ...rag.ingest.readers_document import ParsedDocument
from ...rag.ingest.report import OnProgress
from ...rag.ledger import ChunkRepository, CollectionRepository, DocumentRepository
from ...rag.search import Mode, SearchOptions
from .judged import Judged
from .metrics import Ndcg, RecallAt

__all__ = ["IngestIncomplete", "Measured", "ingest", "measure"]

NDCG, RECALL = Ndcg(10), RecallAt(100)
_SPARE = 20  # chunks beyond those that give RECALL.k documents on average
_BATCH = 64


class IngestIncomplete(TersusError):
    """Not all documents got into the collection."""

    code = "ingest_incomplete"


@dataclass(frozen=True, slots=True)
class Measured:
    """One way to search: a value of each metric for each question, in the order of the questions."""

    mode: Mode
    ndcg: tuple[float | None, ...]
    recall: tuple[float | None, ...]
    seconds: float
    """A question, on average, in batches of 64; the first one's preparations are not counted."""


def ingest(
    tersus: Tersus, judged: Judged, collection: str, on_progress: OnProgress | None = None
) -> tuple[int, int]:
    """Put the documents into the collection; the numbers of documents and chunks. What is there stays.

    Raises:
        IngestIncomplete: a document was refused.
    """
    documents = [
        ParsedDocument(d.id, d.title, d.text, "text/plain", len(d.text.encode())) for d in judged.documents
    ]
    tersus.ingester.ingest_documents(documents, collection, on_progress=on_progress)
    with tersus.database.session() as session:
        row = CollectionRepository(session).require(collection)
        counts = DocumentRepository(session).count(row), ChunkRepository(session).count(row)
    if counts[0] != len(documents):
        raise IngestIncomplete(
            f"{counts[0]} of {len(documents)} documents were stored", hint="use an empty --home"
        )
    return counts


def measure(
    tersus: Tersus,
    judged: Judged,
    collection: str,
    mode: Mode,
    sizes: tuple[int, int],
    advance: Callable[[int], None] | None = None,
) -> Measured:
    """Ask all questions. A document ranks by its best chunk; ``sizes`` are those that `ingest` returned."""
    documents, chunks = sizes
    top_k = math.ceil(RECALL.k * chunks / documents) + _SPARE
    options = SearchOptions(mode=mode)
    questions = list(judged.questions.items())
    tersus.retriever.retrieve(questions[0][1], collection, 1, options)  # loads models and indexes
    ndcg: list[float | None] = []
    recall: list[float | None] = []
    seconds = 0.0
    for start in range(0, len(questions), _BATCH):
        batch = questions[start : start + _BATCH]
        began = time.perf_counter()
        found = tersus.retriever.retrieve_batch([text for _, text in batch], collection, top_k, options)
        seconds += time.perf_counter() - began
        for (number, _), passages in zip(batch, found, strict=True):
            ranking = _documents([passage.document_id or "" for passage in passages])
            ndcg.append(NDCG(ranking, judged.grades[number]))
            recall.append(RECALL(ranking, judged.grades[number]))
        if advance is not None:
            advance(len(batch))
    return Measured(mode, tuple(ndcg), tuple(recall), seconds / len(questions))


def _documents(found: Sequence[str]) -> list[str]:
    """Each document once, at its best chunk's place."""
    return list(dict.fromkeys(found))
