"""What a compression depends on, as a key; and a result apart from the objects it was made for."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...compressors import (
    Budget,
    CompressedPassage,
    Compression,
    Compressor,
    Passage,
    Protection,
    Renderer,
    SourcedSentence,
    Span,
    TokenCounter,
    render_context,
)

__all__ = ["Content", "Stored"]

_OBJECT = 100  # bytes of a small Python object, roughly


@dataclass(frozen=True, slots=True)
class Content:
    """The key of one compression; equal where query, passages, options and compressor are.

    Counter and renderer are compared as objects: their names need not say all that they do.
    """

    digest: bytes
    counter: int
    renderer: int

    @classmethod
    def of(
        cls,
        compressor: Compressor,
        identity: str,
        query: str,
        passages: Sequence[Passage],
        budget: Budget,
        protection: Protection,
        counter: TokenCounter,
        renderer: Renderer,
    ) -> Content:
        """The key; ``identity`` names the compressor's options and weights.

        Our own compressors and renderer read text and title alone; of others' all of a passage counts.
        """
        whole = not (renderer is render_context and _ours(compressor))
        parts = [identity, query, repr(budget), repr(protection)]
        for passage in passages:
            parts += [passage.title, passage.text]
            if whole:
                parts.append(repr(passage))
        digest = hashlib.sha256()
        for part in parts:
            data = part.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8))
            digest.update(data)
        return cls(digest.digest(), id(counter), id(renderer))


@dataclass(frozen=True, slots=True)
class Stored:
    """A result without its passages: whoever asks brings them. ``size`` is in bytes, roughly.

    ``holds`` keeps counter and renderer alive, so that no other object gets their place in the key.
    """

    result: Compression
    passages: tuple[tuple[tuple[Span, ...] | None, str, tuple[SourcedSentence, ...]], ...]
    holds: tuple[object, ...]
    size: int

    @classmethod
    def of(cls, result: Compression, *holds: object) -> Stored:
        """Nothing of it changes when the caller changes what it was given."""
        passages = tuple(
            (None if p.kept is None else tuple(p.kept), p.text, tuple(p.sentences)) for p in result.passages
        )
        texts = [result.text, result.reason or "", *(text for _, text, _ in passages)]
        texts += [sentence.text for _, _, sentences in passages for sentence in sentences]
        objects = 10 + sum(2 + len(kept or ()) + len(sentences) for kept, _, sentences in passages)
        size = _OBJECT * objects + sum(map(sys.getsizeof, texts))
        return cls(replace(result, passages=(), stages=tuple(result.stages)), passages, holds, size)

    def bind(self, passages: Sequence[Passage], seconds: float) -> Compression:
        """The result for these passages, found within ``seconds``; no language model spent anything on it."""
        return replace(
            self.result,
            passages=tuple(
                CompressedPassage(source, None if kept is None else [*kept], text, sentences)
                for source, (kept, text, sentences) in zip(passages, self.passages, strict=True)
            ),
            seconds=seconds,
            stages=tuple(replace(stage, seconds=0.0) for stage in self.result.stages),
            overhead_tokens=0,
        )


def _ours(compressor: Compressor) -> bool:
    stages: Sequence[Compressor] = getattr(compressor, "stages", (compressor,))
    return all(type(stage).__module__.startswith("tersus.compressors.") for stage in stages)
