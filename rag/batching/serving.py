"""What many callers at once share: compressors in batches, their cache, an embedding in batches."""

from __future__ import annotations

import threading
import time
import weakref
from typing import TYPE_CHECKING

from ...compressors import Compressor
from .cache import CompressionCache
from .compressor import BatchedCompressor
from .limits import BatchLimits
from .stats import BatchStats

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding

    from ..settings import Settings
    from .embedding import BatchedEmbedding

__all__ = ["Serving"]


class Serving:
    """Makes the batched forms of compressors and embeddings, and closes them.

    Args:
        settings: ``batch_wait_ms``, ``batch_tokens``, ``batch_queue`` and ``cache_mb``.
    """

    def __init__(self, settings: Settings) -> None:
        self.limits = BatchLimits(
            wait=settings.batch_wait_ms / 1000, tokens=settings.batch_tokens, queue=settings.batch_queue
        )
        self.cache = CompressionCache(round(settings.cache_mb * 2**20)) if settings.cache_mb else None
        # A request is given up after this time: nothing held needs longer.
        self._patience = settings.compress_timeout + 5
        self._lock = threading.Lock()
        self._compressors: weakref.WeakSet[BatchedCompressor] = weakref.WeakSet()
        self._embedding: BatchedEmbedding | None = None

    def compressor(self, compressor: Compressor, identity: str) -> Compressor:
        """Its batched form; as it is where it takes no time, for there is nothing to gain."""
        if compressor.speed == "instant" or isinstance(compressor, BatchedCompressor):
            return compressor
        made = BatchedCompressor(compressor, self.limits, cache=self.cache, identity=identity)
        with self._lock:
            self._compressors.add(made)
        return made

    def embedding(self, embedding: BaseEmbedding) -> BaseEmbedding:
        """Its batched form where it is a local model; a second call gives the same."""
        from ..embedding import LocalEmbedding
        from .embedding import BatchedEmbedding

        if not isinstance(embedding, LocalEmbedding) or isinstance(embedding, BatchedEmbedding):
            return embedding
        with self._lock:
            if self._embedding is None:
                self._embedding = BatchedEmbedding(embedding, self.limits)
            return self._embedding

    def gauges(self) -> dict[str, float]:
        """Figures for monitoring, by name: of both queues, and of the cache."""
        with self._lock:
            compress = BatchStats.sum(one.stats for one in self._compressors)
            embed = self._embedding.stats if self._embedding else BatchStats()
        found = {f"compress_{name}": value for name, value in _figures(compress).items()}
        found |= {f"embed_{name}": value for name, value in _figures(embed).items()}
        if self.cache is not None:
            cache = self.cache.stats
            found |= {
                "cache_hits": float(cache.hits + cache.shared),
                "cache_misses": float(cache.misses),
                "cache_entries": float(cache.entries),
                "cache_bytes": float(cache.bytes),
            }
        return found

    def close(self) -> None:
        """Finish what is held, and take nothing more."""
        with self._lock:
            parts: list[BatchedCompressor | BatchedEmbedding] = [*self._compressors]
            parts += [self._embedding] if self._embedding else []
        end = time.monotonic() + self._patience
        for part in parts:
            part.close(max(0.0, end - time.monotonic()))


def _figures(stats: BatchStats) -> dict[str, float]:
    return {
        "queue_length": float(stats.queue),
        "batches": float(stats.batches),
        "batched_requests": float(stats.requests),
        "batch_size": stats.size,
        "refused": float(stats.refused),
        "skipped": float(stats.skipped),
        "worked_alone": float(stats.alone),
        "worker_deaths": float(stats.deaths),
    }
