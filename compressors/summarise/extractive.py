"""A summary of the most central sentences, verbatim, without a language model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...errors import InvalidInput
from ..segment import split
from ..tokens import TokenCounter, load_counter
from .types import Summary, SummaryJob, SummarySentence

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..similarity import Embedder

__all__ = ["ExtractiveSummariser", "RankedSentence"]

SHARE = 0.35
"""Of the texts' tokens, where a job sets no limit: TCRA-LLM's summaries are 65% shorter."""


@dataclass(frozen=True, slots=True)
class RankedSentence:
    """``job.texts[source][start:end]``; offsets in characters."""

    source: int
    start: int
    end: int


class ExtractiveSummariser:
    """Keeps the sentences nearest to the centroid of all, and not near to one another.

    Sentences are taken by maximal marginal relevance (Carbonell and Goldstein, 1998) until ``max_tokens``
    are used. Relevance is the cosine to the centroid of the job's sentence vectors; of a job with a query,
    the mean of that and the cosine to the query.

    Args:
        embed: texts to vectors [n, d]; ``model`` by default.
        model: an alias, a hub name or a folder of a sentence-embedding model.
        diversity: 0 looks at relevance alone, 1 at redundancy alone.
        duplicate: cosine from which two sentences count as one.

    Raises:
        InvalidInput: a setting out of range.
    """

    name = "extractive"

    def __init__(
        self,
        embed: Embedder | None = None,
        *,
        model: str = "minilm",
        diversity: float = 0.3,
        duplicate: float = 0.95,
    ) -> None:
        if not 0 <= diversity <= 1 or not 0 < duplicate <= 1:
            raise InvalidInput("diversity and duplicate are shares between 0 and 1")
        self.model = model
        self.diversity = diversity
        self.duplicate = duplicate
        self._embed = embed

    @property
    def fingerprint(self) -> str:
        """Embedding model and settings; a function of your own is known by its name alone."""
        if self._embed is not None:
            model = getattr(self._embed, "__qualname__", type(self._embed).__name__)
        else:
            from ..models.encoder import load_encoder

            model = load_encoder(self.model).fingerprint
        return f"{self.name}:{model}:{self.diversity:g}:{self.duplicate:g}"

    def summarise(self, jobs: Sequence[SummaryJob]) -> list[Summary]:
        """The best sentences of each job that its limit allows, in the order of the texts."""
        return [_within(job, ranked) for job, ranked in zip(jobs, self.rank(jobs), strict=True)]

    def rank(self, jobs: Sequence[SummaryJob]) -> list[list[RankedSentence]]:
        """For each job its sentences in the order of taking, without those that repeat another.

        Headings are left out, where there is anything else: they name what the sentences tell.
        """
        found = [_sentences(job) for job in jobs]
        wanted: dict[str, int] = {}  # a text that stands in several places is embedded once
        for job, sentences in zip(jobs, found, strict=True):
            if len(sentences) > 1:
                for text in [
                    *(_text(job, s) for s in sentences),
                    *([job.query] if job.query.strip() else []),
                ]:
                    wanted.setdefault(text, len(wanted))
        vectors = self._vectors(list(wanted))
        ranked: list[list[RankedSentence]] = []
        for job, sentences in zip(jobs, found, strict=True):
            if len(sentences) > 1:
                own = vectors[[wanted[_text(job, s)] for s in sentences]]
                query = vectors[wanted[job.query]] if job.query.strip() else None
                sentences = [sentences[i] for i in self._order(own, query)]
            ranked.append(sentences)
        return ranked

    def _vectors(self, texts: Sequence[str]) -> NDArray[np.float64]:
        import numpy as np

        if not texts:
            return np.zeros((0, 1))
        if self._embed is not None:
            vectors = np.asarray(self._embed(texts), dtype=np.float64)
        else:
            from ..models.encoder import load_encoder

            vectors = load_encoder(self.model).encode(texts).astype(np.float64)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return vectors

    def _order(self, vectors: NDArray[np.float64], query: NDArray[np.float64] | None) -> list[int]:
        """Maximal marginal relevance, one product of all vectors with the one just taken a step."""
        import numpy as np

        relevance = vectors @ _unit(vectors.mean(axis=0))
        if query is not None:
            relevance = (relevance + vectors @ query) / 2
        nearest = np.zeros(len(vectors))  # to what was taken; nothing yet
        left = np.ones(len(vectors), dtype=bool)
        order: list[int] = []
        while left.any():
            worth = (1 - self.diversity) * relevance - self.diversity * nearest
            # Rounded, so that equals are taken in reading order whatever batch they were embedded in.
            best = int(np.argmax(np.where(left, np.round(worth, 5), -np.inf)))
            order.append(best)
            similar = vectors @ vectors[best]
            nearest = np.maximum(nearest, similar)
            left[best] = False
            left &= similar < self.duplicate
        return order


def _unit(vector: Any) -> Any:
    import numpy as np

    return vector / max(float(np.linalg.norm(vector)), 1e-12)


def _text(job: SummaryJob, sentence: RankedSentence) -> str:
    return job.texts[sentence.source][sentence.start : sentence.end]


def _sentences(job: SummaryJob) -> list[RankedSentence]:
    found = [(RankedSentence(i, s.start, s.end), s.kind) for i, t in enumerate(job.texts) for s in split(t)]
    return [s for s, kind in found if kind != "heading"] or [s for s, _ in found]


def _within(job: SummaryJob, ranked: Sequence[RankedSentence]) -> Summary:
    """Sentences in the order of taking, each where it still fits, then set in the order of the texts."""
    counter = job.counter or load_counter()
    limit = job.max_tokens or max(1, round(SHARE * sum(counter(text) for text in job.texts)))
    chosen: list[RankedSentence] = []
    total = 0
    for sentence in ranked:
        cost = counter(" " + _text(job, sentence))
        if total + cost <= limit:
            chosen.append(sentence)
            total += cost
    if not chosen and ranked and job.max_tokens is None:
        chosen = [ranked[0]]
    while job.max_tokens is not None and chosen and _tokens(job, chosen, counter) > job.max_tokens:
        chosen.pop()  # the estimate above adds up sentence by sentence; joined they may count otherwise
    return Summary(_written(job, chosen))


def _tokens(job: SummaryJob, chosen: Sequence[RankedSentence], counter: TokenCounter) -> int:
    return counter(Summary(_written(job, chosen)).text)


def _written(job: SummaryJob, chosen: Sequence[RankedSentence]) -> tuple[SummarySentence, ...]:
    """In the order of the texts; a sentence that stands in several texts names all of them."""
    ordered = sorted(chosen, key=lambda s: (s.source, s.start))
    sentences = [(_text(job, s), s.source) for s in ordered]
    return tuple(
        SummarySentence(text, tuple(i for i, t in enumerate(job.texts) if i == source or text in t))
        for text, source in sentences
    )
