"""Stand-ins that make the middleware's tests fast and exact: models, compressors, and a small corpus."""

from __future__ import annotations

import asyncio
import hashlib
import re
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    CompletionResponse,
    CompletionResponseGen,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.llms import CustomLLM
from sqlalchemy import select
from tersus.compressors import CompressedPassage, Compressor, Draft, SourcedSentence, Span, Task, load_counter
from tersus.rag.embedding import embed_texts, embedding_fingerprint
from tersus.rag.index_store import IndexStore
from tersus.rag.ledger import (
    ChunkRepository,
    CollectionRepository,
    Database,
    DocumentRepository,
    NewChunk,
    NewDocument,
)
from tersus.rag.ledger.tables import Query
from tersus.rag.pipeline import Pipeline
from tersus.rag.retrieve import Retriever
from tersus.rag.settings import Settings

DIMENSION = 48
COUNTER = load_counter("cl100k")
CORPUS = {
    "tides": [
        "The moon pulls the sea. Tides follow the moon twice a day. Sailors keep a table of them.",
        "Spring tides come at new and full moon. Neap tides come at the quarters.",
    ],
    "bread": ["Bread rises by yeast. The oven must be hot. Salt slows the yeast down."],
    "rust": ["Iron rusts in wet air. Zinc keeps iron from rusting. Paint helps for a while."],
}
"""External id to chunks, which the document joins by a line end."""


class HashedEmbedding(BaseEmbedding):
    """Words counted into a vector by their checksum; texts without words by their characters."""

    model_name: str = "hashed"

    def _vector(self, text: str) -> list[float]:
        vector = [0.0] * DIMENSION
        for part in re.findall(r"[^\W_]+", text.lower()) or list(text) or ["nothing"]:
            vector[zlib.crc32(part.encode("utf-8", "surrogatepass")) % DIMENSION] += 1
        return vector

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._vector(text)

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._vector(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._vector(query)


class SyncLLM(CustomLLM):
    """Answers as told, after ``delay`` seconds, or raises ``error``; remembers what it was asked.

    Only its synchronous half is written, as of many custom models; LlamaIndex derives the other.
    """

    answer: str | None = "The moon."
    error: Any = None
    delay: float = 0.0
    raw: Any = None
    model: str = "gpt-4o-mini"
    window: int = 8000
    num_output: int = 128
    before: Any = None
    """Called when the model is, before anything else."""

    _asked: list[Sequence[ChatMessage]] = PrivateAttr(default_factory=list)
    _released: threading.Event = PrivateAttr(default_factory=threading.Event)

    @property
    def asked(self) -> list[Sequence[ChatMessage]]:
        return self._asked

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(
            context_window=self.window, num_output=self.num_output, is_chat_model=True, model_name=self.model
        )

    def _begin(self, messages: Sequence[ChatMessage]) -> None:
        self._asked.append(messages)
        if self.before is not None:
            self.before()

    def _end(self) -> ChatResponse:
        if self.error is not None:
            raise self.error
        return ChatResponse(
            message=ChatMessage(role=MessageRole.ASSISTANT, content=self.answer), raw=self.raw
        )

    def release(self) -> None:
        """Let calls that wait for their ``delay`` go on."""
        self._released.set()

    def chat(self, messages: Sequence[ChatMessage], **_: Any) -> ChatResponse:
        self._begin(messages)
        if self.delay:
            self._released.wait(self.delay)
        return self._end()

    def complete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponse:
        raise NotImplementedError

    def stream_complete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponseGen:
        raise NotImplementedError


class ScriptedLLM(SyncLLM):
    """The same with an asynchronous half of its own."""

    async def achat(self, messages: Sequence[ChatMessage], **_: Any) -> ChatResponse:
        self._begin(messages)
        await asyncio.sleep(self.delay)
        return self._end()

    async def astream_chat(self, messages: Sequence[ChatMessage], **_: Any) -> ChatResponseAsyncGen:
        self._begin(messages)

        async def words() -> ChatResponseAsyncGen:
            said = ""
            for word in re.findall(r"\s*\S+", self.answer or ""):
                await asyncio.sleep(self.delay)
                said += word
                message = ChatMessage(role=MessageRole.ASSISTANT, content=said)
                yield ChatResponse(message=message, delta=word, raw=None)
            end = self._end()
            end.delta = ""
            yield end

        return words()


def usage(prompt: int = 100, cached: int | None = None, completion: int = 7) -> dict[str, Any]:
    """A provider's response as far as its usage goes."""
    details = {} if cached is None else {"prompt_tokens_details": {"cached_tokens": cached}}
    return {"usage": {"prompt_tokens": prompt, "completion_tokens": completion, **details}}


class FirstSentence(Compressor):
    """Keeps the first sentence of each passage, and the third where there is one."""

    name: ClassVar[str] = "first_sentence"

    def _compress_batch(self, tasks: Sequence[Task]) -> Sequence[Draft]:
        return [Draft([self._one(p) for p in task.passages], "firsts and thirds") for task in tasks]

    def _one(self, passage: Any) -> CompressedPassage:
        found = [Span(m.start(), m.end(), 0.5) for m in re.finditer(r"[^.\s][^.]*\.", passage.text)]
        return CompressedPassage.of(passage, found[:1] + found[2:3])


class Scripted(Compressor):
    """Does as told: ``act`` gets the task and returns a draft."""

    name: ClassVar[str] = "scripted"

    def __init__(self, act: Callable[[Task], Any]) -> None:
        self._act = act

    def _compress_batch(self, tasks: Sequence[Task]) -> Sequence[Draft]:
        return [self._act(task) for task in tasks]


def raising(error: BaseException) -> Scripted:
    def act(_: Task) -> Draft:
        raise error

    return Scripted(act)


def sleeping(seconds: float) -> Scripted:
    def act(task: Task) -> Draft:
        time.sleep(seconds)
        return FirstSentence()._compress_batch([task])[0]

    return Scripted(act)


def rewriting(text: str) -> Scripted:
    """An abstractive compressor: the first passage becomes ``text``, the others are dropped."""

    def act(task: Task) -> Draft:
        first, *others = task.passages
        return Draft(
            [
                CompressedPassage.rewritten(first, [SourcedSentence(text, (0,))]),
                *(CompressedPassage.of(p, []) for p in others),
            ]
        )

    return Scripted(act)


def add_document(
    database: Database, collection: str, external_id: str, chunks: Sequence[str], model: Any = None
) -> None:
    """Store a document whose text is its chunks joined by line ends."""
    embedding = model or HashedEmbedding()
    vectors = embed_texts(embedding, chunks)
    text, new, at = "\n".join(chunks), [], 0
    for chunk, vector in zip(chunks, vectors, strict=True):
        new.append(NewChunk(at, at + len(chunk), external_id.title(), chunk, vector))
        at += len(chunk) + 1
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    document = NewDocument(
        external_id, external_id.title(), text, digest, "text/plain", len(text), chunks=new
    )
    with database.session(write=True) as session:
        row = CollectionRepository(session).get_or_create(
            collection, embedding_fingerprint(embedding), vectors.shape[1] if len(chunks) else DIMENSION
        )
        DocumentRepository(session).replace(row, document)


def delete_documents(database: Database, collection: str, *external_ids: str) -> None:
    with database.session(write=True) as session:
        row = CollectionRepository(session).require(collection)
        DocumentRepository(session).delete(row, external_ids)


def fill(database: Database, collection: str = "corpus") -> None:
    for external_id, chunks in CORPUS.items():
        add_document(database, collection, external_id, chunks)


def settings(home: Path, **values: Any) -> Settings:
    return Settings(
        **{"home": home, "tokenizer": "cl100k", "compress_timeout": 5, "llm_timeout": 5, **values}
    )


def pipeline(
    database: Database, home: Path, llm: Any = None, *, embedding: Any = None, **values: Any
) -> Pipeline:
    """A pipeline over ``database`` with fakes for models; ``values`` are settings."""
    chosen = settings(home, **values)
    store = IndexStore(chosen.index_folder, database)
    return Pipeline(chosen, database, Retriever(database, store, embedding or HashedEmbedding()), llm)


def rows(database: Database) -> list[Query]:
    """All of the ledger, oldest first."""
    with database.session() as session:
        return list(session.scalars(select(Query).order_by(Query.created_at)))


def only_row(database: Database) -> Query:
    (row,) = rows(database)
    return row


def cosines(database: Database, collection: str, question: str) -> dict[int, float]:
    """Chunk id to cosine to the question, over SQL's own vectors, without any index."""
    query = np.array(HashedEmbedding()._vector(question), dtype=np.float64)
    query /= np.linalg.norm(query)
    scored: dict[int, float] = {}
    with database.session() as session:
        row = CollectionRepository(session).require(collection)
        for ids, vectors in ChunkRepository(session).vectors(row):
            wide = vectors.astype(np.float64)
            scored.update(zip(ids.tolist(), wide @ query / np.linalg.norm(wide, axis=1), strict=True))
    return scored


def in_order(found: Sequence[int], scored: Mapping[int, float]) -> bool:
    """Whether ``found`` are the best of ``scored``, best first; equal up to rounding goes either way."""
    best = sorted(scored.values(), reverse=True)[: len(found)]
    return len(set(found)) == len(found) and np.allclose([scored.get(i, 9) for i in found], best, atol=1e-6)
