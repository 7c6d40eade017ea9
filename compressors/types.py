"""What goes into a compressor and what comes out: passages, spans, compressions."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, SupportsFloat

from ..errors import InvalidInput

__all__ = ["CompressedPassage", "Compression", "Passage", "SourcedSentence", "Span", "StageReport"]


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document, as a retriever hands it over.

    ``offset`` is where ``text`` begins in its document, in characters, so that
    ``offset + span.start`` is a position in the document. ``metadata`` is passed
    through untouched.
    """

    text: str
    id: str = ""
    title: str = ""
    document_id: str | None = None
    offset: int = 0
    score: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not isinstance(self.title, str):
            raise InvalidInput(
                f"Passage.text and .title must be str, got {type(self.text).__name__} "
                f"and {type(self.title).__name__}",
                hint="decode bytes first: Passage(text=data.decode('utf-8'))",
            )


@dataclass(frozen=True, slots=True)
class Span:
    """``text[start:end]`` of a passage, with the score its compressor gave it (higher is more useful).

    Numbers of other types, such as NumPy's, become plain ones, which JSON and SQL take.
    """

    start: int
    end: int
    score: float = 0.0

    def __post_init__(self) -> None:
        # Plain numbers are the rule, and there are hundreds of spans to a query.
        if type(self.start) is not int:
            object.__setattr__(self, "start", _whole_number("start", self.start))
        if type(self.end) is not int:
            object.__setattr__(self, "end", _whole_number("end", self.end))
        if type(self.score) is not float:
            object.__setattr__(self, "score", _real_number(self.score))
        if not 0 <= self.start < self.end:
            raise InvalidInput(f"a span needs 0 <= start < end, got {self.start}..{self.end}")


def _whole_number(name: str, value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError as error:
        raise InvalidInput(f"a span's {name} must be a whole number, got {value!r:.80}") from error


def _real_number(value: Any) -> float:
    # float() would read text too; NaN passes, for the contract refuses it with the compressor's name
    if not isinstance(value, SupportsFloat):
        raise InvalidInput(f"a span's score must be a number, got {value!r:.80}")
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInput(f"a span's score must be a number, got {value!r:.80}") from error


@dataclass(frozen=True, slots=True)
class SourcedSentence:
    """A sentence that a compressor wrote, and the numbers of the passages given that it came from."""

    text: str
    passages: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CompressedPassage:
    """One passage after compression.

    ``kept`` are the spans that stay, in order; ``[]`` where the passage was
    dropped; ``None`` where it was rewritten (abstractive compressors). ``text``
    is what will be sent of it: the kept spans joined by one blank. Of a rewritten passage
    ``sentences`` hold the new text, sentence by sentence, with its sources, and ``text`` joins them.
    """

    source: Passage
    kept: Sequence[Span] | None
    text: str
    sentences: Sequence[SourcedSentence] = ()

    @classmethod
    def whole(cls, passage: Passage) -> CompressedPassage:
        """The passage untouched: one span over all of it."""
        kept = [Span(0, len(passage.text), 1.0)] if passage.text else []
        return cls(passage, kept, passage.text)

    @classmethod
    def of(cls, passage: Passage, spans: Sequence[Span]) -> CompressedPassage:
        """The passage reduced to ``spans`` (in order, not overlapping)."""
        kept = list(spans)
        return cls(passage, kept, " ".join(passage.text[s.start : s.end] for s in kept))

    @classmethod
    def rewritten(cls, passage: Passage, sentences: Sequence[SourcedSentence]) -> CompressedPassage:
        """New text in the passage's place; a text of several passages stands in the place of the first."""
        return cls(passage, None, " ".join(s.text for s in sentences), tuple(sentences))


@dataclass(frozen=True, slots=True)
class StageReport:
    """What one stage of a chain did.

    ``tokens_before`` and ``tokens_after`` count the rendered context that it was given and that it left,
    with the same renderer and counter as the whole. ``seconds`` is its wall time; within a batch it is the
    stage's time for the batch, shared out by ``tokens_before``. ``reason`` is what it said of its own budget.
    """

    compressor: str
    tokens_before: int
    tokens_after: int
    seconds: float
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Compression:
    """The outcome for one query.

    ``passages`` holds one entry for each passage given, in the order given.
    ``text`` is the context as it will be sent. ``tokens_before`` and
    ``tokens_after`` count the rendered context, whole and compressed, with the
    same renderer and counter. ``seconds`` is wall time; within a batch it is the
    batch's time, shared out by ``tokens_before``. ``reason`` says in words why
    nothing or everything was removed, or why a budget could not be met. ``stages`` are
    those of a chain, in order; of any other compressor there are none. ``overhead_tokens``: prompt and
    completion tokens that a language model spent on compressing.
    """

    passages: Sequence[CompressedPassage]
    text: str
    tokens_before: int
    tokens_after: int
    seconds: float
    compressor: str
    reason: str | None = None
    stages: Sequence[StageReport] = ()
    overhead_tokens: int = 0

    @property
    def tokens_saved(self) -> int:
        """``tokens_before - tokens_after``."""
        return self.tokens_before - self.tokens_after

    @property
    def kept(self) -> float:
        """Share of tokens kept, ``tokens_after / tokens_before``; 1.0 where there was nothing to remove."""
        return self.tokens_after / self.tokens_before if self.tokens_before else 1.0
