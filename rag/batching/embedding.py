"""A local embedding model whose callers, each in a thread of its own, are served together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from llama_index.core.bridge.pydantic import PrivateAttr

from ..embedding import LocalEmbedding
from .batcher import Batcher
from .limits import BatchLimits
from .stats import BatchStats

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ...compressors.models.encoder import TextEncoder

__all__ = ["BatchedEmbedding"]

_Kind = Literal["query", "text"]


class BatchedEmbedding(LocalEmbedding):
    """Questions that arrive together are encoded together, and texts likewise.

    It stands for a :class:`LocalEmbedding` in every respect, fingerprint included. An endpoint's embedding
    needs none of this: it takes many calls at once.

    Raises (besides the model's own errors):
        Overloaded: too many questions wait. Texts are always taken: an ingest brings one piece after the
        other and can wait. Closed: after ``close``. Cancelled: the caller gave up.
    """

    _inner: LocalEmbedding = PrivateAttr()
    _batcher: Any = PrivateAttr()

    def __init__(self, embedding: LocalEmbedding, limits: BatchLimits | None = None) -> None:
        super().__init__(
            model_name=embedding.model_name,
            embed_batch_size=embedding.embed_batch_size,
            device=embedding.device,
            callback_manager=embedding.callback_manager,
        )
        self._inner = embedding
        self._batcher = Batcher[tuple[_Kind, Sequence[str]], "NDArray[np.float32]"](
            f"embedding {embedding.model_name}", self._work, limits
        )

    @property
    def encoder(self) -> TextEncoder:
        """The encoder behind the embedding."""
        return self._inner.encoder

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of passages, float32 [n, d], each of length 1."""
        import numpy as np

        if isinstance(texts, str) or not texts or not all(isinstance(text, str) for text in texts):
            return self._inner.encode_texts(texts)
        found = [self._submit("text", piece) for piece in _pieces(texts, self._batcher.limits.room(None))]
        return found[0] if len(found) == 1 else np.concatenate(found)

    def encode_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of questions, float32 [n, d], each of length 1."""
        if isinstance(queries, str) or not queries or not all(isinstance(query, str) for query in queries):
            return self._inner.encode_queries(queries)
        return self._submit("query", queries)

    @property
    def stats(self) -> BatchStats:
        """What queue and worker have done."""
        found: BatchStats = self._batcher.stats
        return found

    def close(self, seconds: float | None = None) -> None:
        """Finish what is held, for ``seconds`` at most, and take nothing more."""
        self._batcher.close(seconds)

    def _submit(self, kind: _Kind, texts: Sequence[str]) -> NDArray[np.float32]:
        tokens = sum(map(_tokens, texts))
        found: NDArray[np.float32] = self._batcher.submit(
            (kind, texts), kind=kind, tokens=tokens, bounded=kind == "query"
        )
        return found

    def _work(self, asks: Sequence[tuple[_Kind, Sequence[str]]]) -> list[NDArray[np.float32]]:
        encode = self._inner.encode_queries if asks[0][0] == "query" else self._inner.encode_texts
        vectors = encode([text for _, texts in asks for text in texts])
        rows = iter(range(len(vectors)))
        return [vectors[[next(rows) for _ in texts]] for _, texts in asks]


def _pieces(texts: Sequence[str], most: float) -> Iterator[Sequence[str]]:
    """Texts of a batch's size: questions do not wait long behind somebody's ingest."""
    start = tokens = 0
    for number, text in enumerate(texts):
        if start < number and tokens + _tokens(text) > most:
            yield texts[start:number]
            start, tokens = number, 0
        tokens += _tokens(text)
    yield texts[start:]


def _tokens(text: str) -> int:
    return 1 + len(text) // 4
