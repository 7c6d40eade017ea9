"""Embedding models: the local one as LlamaIndex sees it, and any of them as arrays."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import Field

from ..compressors.models.encoder import TextEncoder, load_encoder
from ..errors import InvalidInput, TersusError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "EmbeddingFailed",
    "LocalEmbedding",
    "embed_queries",
    "embed_query",
    "embed_texts",
    "embedding_fingerprint",
    "load_embedding",
]


class EmbeddingFailed(TersusError):
    """An embedding model raised an error, or returned something that cannot be used as vectors."""

    code = "embedding_failed"


class LocalEmbedding(BaseEmbedding):
    """A local sentence encoder; all objects of one name share its weights, loaded at first use.

    Queries and texts get the prefixes that the model was trained with, where its files name any.
    """

    model_name: str = Field(default="minilm", description="Alias, local folder or hub name.")
    embed_batch_size: int = Field(default=512, gt=0, le=2048)
    device: str = Field(default="auto", description="'auto', 'cpu', 'cuda' ...")

    @classmethod
    def class_name(cls) -> str:
        """The name LlamaIndex stores the object under."""
        return "TersusLocalEmbedding"

    @property
    def encoder(self) -> TextEncoder:
        """The shared encoder behind this object."""
        return load_encoder(self.model_name, self.device)

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of passages, float32 [n, d], each of length 1."""
        prompts = self.encoder.prompts
        return self.encoder.encode(texts, prompts.get("document", prompts.get("passage", "")))

    def encode_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of questions, float32 [n, d], each of length 1."""
        return self.encoder.encode(queries, self.encoder.prompts.get("query", ""))

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_rows(self.encode_queries([query]))[0]

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_rows(self.encode_texts([text]))[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return self._get_rows(self.encode_texts(texts))

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await asyncio.to_thread(self._get_query_embedding, query)

    async def _aget_text_embedding(self, text: str) -> list[float]:
        return await asyncio.to_thread(self._get_text_embedding, text)

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return await asyncio.to_thread(self._get_text_embeddings, texts)

    @staticmethod
    def _get_rows(vectors: NDArray[np.float32]) -> list[list[float]]:
        rows: list[list[float]] = vectors.tolist()
        return rows


def load_embedding(name: str = "minilm") -> BaseEmbedding:
    """The local embedding model called ``name``: "minilm", a folder or a hub name.

    Raises:
        ModelMissing: an alias is not installed or a path does not exist.
    """
    embedding = LocalEmbedding(model_name=name)
    _ = embedding.encoder  # a wrong name is told here, not in the middle of building an index
    return embedding


def embedding_fingerprint(embedding: BaseEmbedding) -> str:
    """A stable name of the model that made a vector: indexes of another one must not be searched with it.

    A local model is known by its files, any other by class, model name and, if set, dimensions.
    """
    if isinstance(embedding, LocalEmbedding):
        return embedding.encoder.fingerprint
    dimensions: Any = getattr(embedding, "dimensions", None)
    return ":".join(str(part) for part in (embedding.class_name(), embedding.model_name, dimensions) if part)


def embed_texts(embedding: BaseEmbedding, texts: Sequence[str]) -> NDArray[np.float32]:
    """Vectors of ``texts`` in their order, float32 [n, d], each scaled to length 1 (zero vectors stay zero).

    Scaled, so that an inner product is the cosine whichever model is used. No texts: [0, 0].

    Raises:
        EmbeddingFailed: the model raised an error, gave another number of vectors, or values not finite.
        InvalidInput: one string instead of a sequence.
    """
    import numpy as np

    if isinstance(texts, str):
        raise InvalidInput(
            "embed_texts takes a sequence of strings", hint="for one text: embed_texts(e, [text])"
        )
    if not texts:
        return np.empty((0, 0), dtype=np.float32)
    if isinstance(embedding, LocalEmbedding):
        return embedding.encode_texts(texts)
    with _failures(embedding):
        rows = embedding.get_text_embedding_batch(list(texts))
    return _checked(rows, len(texts), embedding)


def embed_query(embedding: BaseEmbedding, query: str) -> NDArray[np.float32]:
    """The vector of a question, float32 [d], scaled to length 1.

    Raises:
        EmbeddingFailed: the model raised an error or gave values that are not finite.
    """
    with _failures(embedding):
        row = embedding.get_query_embedding(query)
    vector: NDArray[np.float32] = _checked([row], 1, embedding)[0]
    return vector


def embed_queries(embedding: BaseEmbedding, queries: Sequence[str]) -> NDArray[np.float32]:
    """Vectors of questions in their order, float32 [n, d], each scaled to length 1; none: [0, 0].

    A local model encodes them together; other models are asked for one at a time, as LlamaIndex has it.

    Raises:
        EmbeddingFailed: as :func:`embed_query`.
    """
    import numpy as np

    if not queries:
        return np.empty((0, 0), dtype=np.float32)
    with _failures(embedding):
        if isinstance(embedding, LocalEmbedding):
            return embedding.encode_queries(queries)
        rows = [embedding.get_query_embedding(query) for query in queries]
    return _checked(rows, len(queries), embedding)


@contextmanager
def _failures(embedding: BaseEmbedding) -> Iterator[None]:
    try:
        yield
    except TersusError:
        raise
    except Exception as error:
        raise EmbeddingFailed(
            f"the embedding model {embedding.model_name} failed: {type(error).__name__}",
            hint="check its address, key and quota",
        ) from error


def _checked(rows: list[list[float]], count: int, embedding: BaseEmbedding) -> NDArray[np.float32]:
    import numpy as np

    try:
        vectors: NDArray[np.float32] = np.array(rows, dtype=np.float32)
    except (TypeError, ValueError) as error:  # None among the rows, or rows of different lengths
        raise EmbeddingFailed(f"{embedding.model_name} did not return vectors of one length") from error
    if vectors.ndim != 2 or len(vectors) != count or not vectors.shape[1]:
        raise EmbeddingFailed(f"{embedding.model_name} returned {vectors.shape} for {count} texts")
    if not np.isfinite(vectors).all():
        raise EmbeddingFailed(f"{embedding.model_name} returned values that are not finite")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    lengths[lengths == 0] = 1
    vectors /= lengths
    return vectors
