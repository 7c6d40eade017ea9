"""Compression that cannot harm a query: whatever goes wrong, the original context is sent."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..compressors import (
    Budget,
    CompressedPassage,
    Compression,
    Compressor,
    ContractViolation,
    Passage,
    Protection,
    Renderer,
    StageReport,
    TokenCounter,
    load_compressor,
)
from ..compressors.tokens import remembering
from ..errors import TersusError
from .batching.errors import Refused
from .cancel import Cancelled
from .timelimit import run_with_limit

__all__ = ["Context", "compress_or_original"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Context:
    """The context that is sent, and how it came about.

    ``outcome``: ``compressed``; ``bypassed`` (everything was to stay); ``fell_back`` (the
    compressor failed, was too slow, or saved nothing). In the last two the text is the
    original and the counts are equal. ``seconds`` is the time compression took in any case.
    ``stages`` are those of a chain whose result is sent. ``overhead_tokens`` were spent on compression by a
    language model, also where the original is sent after all.
    """

    passages: Sequence[CompressedPassage]
    text: str
    tokens_before: int
    tokens_after: int
    seconds: float
    outcome: Literal["compressed", "bypassed", "fell_back"]
    reason: str | None = None
    error_code: str | None = None
    stages: Sequence[StageReport] = ()
    overhead_tokens: int = 0


def compress_or_original(
    compressor: Compressor | None,
    query: str,
    passages: Sequence[Passage],
    budget: Budget,
    *,
    counter: TokenCounter,
    renderer: Renderer,
    timeout: float,
    protection: Protection | None = None,
    room: int | None = None,
) -> Context:
    """Compress, or say why the original is sent instead.

    Args:
        compressor: None sends the original.
        timeout: seconds after which compression is given up.
        protection: what stays besides the best; nothing where None.
        room: tokens that the model's window leaves for the context. The original is
            what plain RAG would send into it: the leading passages that fit.

    Raises:
        Refused: a batched compressor takes nothing more (Overloaded, Closed). Cancelled: the caller gave up.
    """
    counter = remembering(counter)
    original = load_compressor("none").compress(
        query, passages, Budget(max_tokens=room) if room else Budget(), counter=counter, renderer=renderer
    )
    whole = all(p.kept for p in original.passages if p.source.text)
    if compressor is None:
        return _original(original, "bypassed", 0.0, None if whole else original.reason)
    started = time.perf_counter()
    try:
        result = run_with_limit(
            lambda: compressor.compress(
                query, passages, budget, protection=protection, counter=counter, renderer=renderer
            ),
            timeout,
            f"compression with {compressor.name}",
        )
        _check(result, compressor.name)
    except (Refused, Cancelled):  # nothing failed: there is no room, or nobody who waits
        raise
    except Exception as error:  # a query never fails because a compressor did
        log.warning("compressor %s failed, the original context is sent", compressor.name, exc_info=error)
        code = error.code if isinstance(error, TersusError) else "compressor_failed"
        reason = (
            f"{compressor.name} failed: {error}" if str(error) else f"{compressor.name} failed: {error!r}"
        )
        return _original(original, "fell_back", time.perf_counter() - started, reason, code)
    spent = result.overhead_tokens
    if result.text == original.text:
        return _original(original, "bypassed", result.seconds, result.reason, spent=spent)
    if room is not None and result.tokens_after > room:
        reason = f"{result.tokens_after} compressed tokens do not fit into the model's window"
        return _original(original, "fell_back", result.seconds, reason, "window", spent)
    if result.tokens_after >= original.tokens_after:
        reason = f"{compressor.name} would not have made the context smaller"
        if result.reason:
            reason += f": {result.reason}"
        return _original(original, "fell_back", result.seconds, reason, "not_smaller", spent)
    return Context(
        result.passages,
        result.text,
        original.tokens_after,
        result.tokens_after,
        result.seconds,
        "compressed",
        result.reason,
        stages=result.stages,
        overhead_tokens=result.overhead_tokens,
    )


def _check(result: object, name: str) -> None:
    """Refuse what is no result at all; the base class of compressors checks the rest."""
    if not isinstance(result, Compression):
        raise ContractViolation(f"{name} returned {type(result).__name__} instead of a Compression")


def _original(
    original: Compression,
    outcome: Literal["bypassed", "fell_back"],
    seconds: float,
    reason: str | None,
    code: str | None = None,
    spent: int = 0,
) -> Context:
    tokens = original.tokens_after
    return Context(
        original.passages, original.text, tokens, tokens, seconds, outcome, reason, code, (), spent
    )
