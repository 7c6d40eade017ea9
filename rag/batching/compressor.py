"""A compressor whose callers, each in a thread of its own, are served together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from ...compressors import (
    Budget,
    Compression,
    Compressor,
    ContractViolation,
    ExtractiveCompressor,
    Passage,
    Protection,
    Renderer,
    TokenCounter,
)
from ...compressors.tokens import plain_counter, remembering_all
from .ask import Ask, Options, well_formed
from .batcher import Batcher
from .cache import CompressionCache
from .content import Content
from .limits import BatchLimits
from .stats import BatchStats
from .wrapped import WrappedCompressor, WrappedExtractive

__all__ = ["BatchedCompressor"]


class BatchedCompressor(WrappedCompressor):
    """Merges calls that arrive together into ``compress_batch`` calls of the compressor it stands for.

    It has that compressor's name, kind and properties, and is an :class:`ExtractiveCompressor` where that
    is one. Calls with the same budget, protection, counter and renderer are merged. Where a batch fails,
    its calls are made one at a time, so that each meets its own errors alone.

    Args:
        compressor: what does the work, in one thread.
        limits: of the queue.
        cache: where single calls look first.
        identity: names the options in the cache's key; the compressor's name by default.

    ``compress`` and ``compress_batch`` raise, besides the compressor's own errors: Overloaded (the queue is
    full), Closed (after ``close``), Cancelled (the caller gave up), WorkerDied.
    """

    def __new__(cls, compressor: Compressor, *_: Any, **__: Any) -> BatchedCompressor:
        """One that passes for what it wraps."""
        extractive = cls is BatchedCompressor and isinstance(compressor, ExtractiveCompressor)
        return super().__new__(_BatchedExtractive if extractive else cls)

    def __init__(
        self,
        compressor: Compressor,
        limits: BatchLimits | None = None,
        *,
        cache: CompressionCache | None = None,
        identity: str | None = None,
    ) -> None:
        super().__init__(compressor)
        self._cache = cache
        self._options = identity or compressor.name
        self._batcher: Batcher[Ask, list[Compression]] = Batcher(compressor.name, self._work, limits)

    def compress(
        self,
        query: str,
        passages: Sequence[Passage],
        budget: Budget | None = None,
        *,
        protection: Protection | None = None,
        counter: TokenCounter | None = None,
        renderer: Renderer | None = None,
    ) -> Compression:
        """As the compressor's, from the cache where it is there, otherwise in the next batch."""
        if not well_formed(query, passages):
            return self.inner.compress(query, passages, budget)  # it says what is wrong
        self.inner.check_query(query)
        options = Options.of(budget, protection, counter, renderer)
        given = tuple(passages)
        ask = Ask((query,), (given,), options)
        if self._cache is None:
            return self._submit(ask)[0]
        counter = plain_counter(options.counter)
        content = Content.of(
            self.inner,
            self._identity,
            query,
            given,
            options.budget,
            options.protection,
            counter,
            options.renderer,
        )
        return self._cache.compress(content, given, lambda: self._submit(ask)[0], counter, options.renderer)

    def compress_batch(
        self,
        queries: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        budget: Budget | None = None,
        *,
        protection: Protection | None = None,
        counter: TokenCounter | None = None,
        renderer: Renderer | None = None,
    ) -> list[Compression]:
        """As the compressor's; takes one place in the queue and does not look into the cache."""
        if (
            isinstance(queries, str)
            or len(queries) != len(passages)
            or not all(map(well_formed, queries, passages))
        ):
            return self.inner.compress_batch(queries, passages, budget)  # it says what is wrong
        return self._submit(Ask(queries, passages, Options.of(budget, protection, counter, renderer)))

    @property
    def stats(self) -> BatchStats:
        """What queue and worker have done."""
        return self._batcher.stats

    def close(self, seconds: float | None = None) -> None:
        """Finish what is held, for ``seconds`` at most, and take nothing more."""
        self._batcher.close(seconds)

    @cached_property
    def _identity(self) -> str:
        # At first use: weights may be missing, which is then the call's error and nobody else's.
        return f"{self._options} {getattr(self.inner, 'fingerprint', self.inner.model)}"

    def _submit(self, ask: Ask) -> list[Compression]:
        return self._batcher.submit(ask, kind=ask.options.kind, tokens=ask.tokens)

    def _work(self, asks: Sequence[Ask]) -> list[list[Compression]]:
        options = asks[0].options
        found = self.inner.compress_batch(
            [query for ask in asks for query in ask.queries],
            [passages for ask in asks for passages in ask.passages],
            options.budget,
            protection=options.protection,
            counter=remembering_all([ask.options.counter for ask in asks]),
            renderer=options.renderer,
        )
        if len(found) != sum(len(ask.queries) for ask in asks):
            raise ContractViolation(f"{self.name} gave {len(found)} results for a batch of another size")
        results = iter(found)
        return [[next(results) for _ in ask.queries] for ask in asks]


class _BatchedExtractive(BatchedCompressor, WrappedExtractive):  # type: ignore[override]
    """One that has scores, too."""
