"""What a summariser is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ...errors import InvalidInput, TersusError
from ..tokens import TokenCounter

__all__ = ["Summariser", "SummariserFailed", "Summary", "SummaryJob", "SummarySentence"]


class SummariserFailed(TersusError):
    """The function that was to write summaries did not return one text a prompt."""

    code = "summariser_failed"


@dataclass(frozen=True, slots=True)
class SummaryJob:
    """Texts that are to become one summary.

    ``query``: what the summary is to tell of; empty where it is to stand for the texts as they are.
    ``max_tokens``: never exceeded by the summary, in tokens of ``counter`` (cl100k by default); None leaves
    the length to the summariser.

    Raises:
        InvalidInput: texts that are no sequence of strings, or ``max_tokens`` below 1.
    """

    texts: Sequence[str]
    query: str = ""
    max_tokens: int | None = None
    counter: TokenCounter | None = None

    def __post_init__(self) -> None:
        if isinstance(self.texts, str) or not all(isinstance(text, str) for text in self.texts):
            raise InvalidInput("a summary needs a sequence of strings", hint="SummaryJob([text])")
        if self.max_tokens is not None and self.max_tokens < 1:
            raise InvalidInput(f"max_tokens must be a whole number of at least 1, got {self.max_tokens!r}")
        object.__setattr__(self, "texts", tuple(self.texts))


@dataclass(frozen=True, slots=True)
class SummarySentence:
    """One sentence of a summary; ``sources`` are the numbers of the job's texts that it came from."""

    text: str
    sources: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """The answer to one job; without sentences where nothing fits or the texts are empty.

    ``tokens_used``: prompt and completion tokens that a language model spent on it. ``fallback``: why
    the extractive summary stands in the place of a written one, in words.
    """

    sentences: tuple[SummarySentence, ...]
    tokens_used: int = 0
    fallback: str | None = None

    @property
    def text(self) -> str:
        """The sentences joined by one blank."""
        return " ".join(sentence.text for sentence in self.sentences)


class Summariser(Protocol):
    """Anything that shortens texts. Holds no state between calls; may be used from several threads."""

    @property
    def name(self) -> str:
        """Short name, as it is shown and recorded."""

    @property
    def fingerprint(self) -> str:
        """Names everything that changes a summary: stored summaries are valid for one fingerprint."""

    def summarise(self, jobs: Sequence[SummaryJob]) -> list[Summary]:
        """One summary a job, in order."""
