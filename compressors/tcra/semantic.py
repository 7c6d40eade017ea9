"""``tcra-semantic``: without the words whose removal moves the passage's embedding least."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, get_args

from ...errors import InvalidInput
from ..base import Task
from ..extractive import Candidates, ExtractiveCompressor
from ..segment.word_units import WordUnit
from ..similarity import Embedder
from ..types import Span
from ..wordwise import Granularity, scored_spans, units_of
from .groups import group_units, guessed_sizes, token_sizes, windows_of, without

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..models.encoder import TextEncoder

__all__ = ["TcraSemanticCompressor", "standings"]

_WINDOW = 256


class TcraSemanticCompressor(ExtractiveCompressor):
    """Drops the words that mean least: those without which a passage's embedding stays nearest to its own.

    Semantic compression of TCRA-LLM (Liu et al., 2023, section 3.2). Every word is left out once, and moves
    the embedding by one minus the cosine between the text's vector without it and with it. The words
    that move it least go first. What a passage is asked plays no part, and every passage loses the same
    share: a word's score is the share of its passage's characters that move the embedding less than it,
    plus half its own.

    Whole words only: amounts, dates, identifiers and URLs stay in one piece; code, tables, headings and
    list items go as a whole or not at all. The mark that ends a sentence goes with its last word. A passage
    longer than the encoder's window is read in several windows that each lose the same share.

    Args:
        model: an alias (``minilm``), a hub name or a folder of a sentence-embedding model.
        embedder: used instead of ``model`` where given.
        granularity: "word", or "sentence" to leave out sentences.
        group: how many neighbouring words of a sentence are left out together. 1 is the paper's.
        max_groups: most texts embedded for a window; where it has more words, larger groups are made, but
            none beyond its sentence. None sets no bound, as in the paper: the cost then grows with the square
            of the length.
        threshold: of the adaptive budget, the share of each passage that goes: 0.2 is the paper's.
        window: most tokens read at once; by default what the model's files say, of an ``embedder`` 256,
            guessed at 4 characters a token.

    Raises:
        InvalidInput: a setting out of range.
        ModelMissing, ModelUnusable: at first use, the model cannot be loaded.
    """

    name: ClassVar[str] = "tcra-semantic"
    summary: ClassVar[str] = "Drops the words whose removal moves the passage's embedding least"
    paper: ClassVar[str | None] = "Liu et al., 2023, arXiv:2310.15556"
    speed: ClassVar[str] = "medium"
    needs_query: ClassVar[bool] = False

    def __init__(
        self,
        model: str = "minilm",
        *,
        embedder: Embedder | None = None,
        granularity: Granularity = "word",
        group: int = 1,
        max_groups: int | None = 16,
        threshold: float = 0.2,
        window: int | None = None,
    ) -> None:
        if granularity not in get_args(Granularity):
            raise InvalidInput(f"granularity is word or sentence, not {granularity!r:.80}")
        for name, value, least in (("group", group, 1), ("max_groups", max_groups, 1), ("window", window, 8)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
                raise InvalidInput(f"{name} must be a whole number of at least {least}, not {value!r:.80}")
        if not 0 <= threshold <= 1:
            raise InvalidInput(f"threshold is a share between 0 and 1, not {threshold}")
        self.model: str = model
        self.granularity: Granularity = granularity
        self.group = group
        self.max_groups = max_groups
        self.threshold = threshold
        self.window = window
        self.joined = granularity == "word"
        self._embedder = embedder

    @cached_property
    def fingerprint(self) -> str:
        """Embedding model and everything else that changes a score."""
        given = self._embedder
        model = getattr(given, "__qualname__", type(given).__name__) if given else self._encoder.fingerprint
        groups = f"{self.granularity}:group={self.group}:max={self.max_groups}"
        return f"{self.name}:{model}:{groups}:window={self.window or 'model'}"

    @property
    def _encoder(self) -> TextEncoder:
        from ..models.encoder import load_encoder

        return load_encoder(self.model)

    def movements(self, text: str) -> list[list[tuple[WordUnit, float]]]:
        """For each window of a text its groups, in order, and how far each one's absence moves the embedding.

        The distance is one minus the cosine, in 0..2. Marks that end sentences are not left out alone.
        """
        import numpy as np

        found = []
        for units in self._windows(text, units_of(text, self.granularity)):
            begin, stop = units[0].start, units[-1].end
            tried = [g for g in group_units(units, self.group, self.max_groups) if g.kind != "mark"]
            if not tried:
                continue
            shown = text[begin:stop]
            texts = [shown, *(without(shown, g.start - begin, g.end - begin) for g in tried)]
            # One window is one call: in larger batches a score's rounding would depend on the other passages.
            vectors = self._embed(texts)
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
            moved = np.round(1.0 - vectors[1:] @ vectors[0], 7)
            found.append(list(zip(tried, np.clip(moved, 0.0, 2.0).tolist(), strict=True)))
        return found

    def _score_batch(self, tasks: Sequence[Task]) -> Sequence[Candidates]:
        return [[self._spans(passage.text) for passage in task.passages] for task in tasks]

    def _spans(self, text: str) -> list[Span]:
        scored = [(unit, 0.0) for unit in units_of(text, self.granularity) if unit.kind == "mark"]
        for window in self.movements(text):
            groups = [group for group, _ in window]
            sizes = [group.end - group.start for group in groups]
            scored += zip(groups, standings([moved for _, moved in window], sizes), strict=True)
        scored.sort(key=lambda pair: pair[0].start)
        return scored_spans([unit for unit, _ in scored], [score for _, score in scored])

    def _windows(self, text: str, units: Sequence[WordUnit]) -> list[list[WordUnit]]:
        if not units:
            return []
        if self._embedder is not None:
            return windows_of(units, guessed_sizes(units), self.window or _WINDOW)
        encoder = self._encoder
        around = sum(len(ids) for ids in encoder.special_tokens)
        most = min(self.window or encoder.max_length, encoder.max_length) - around
        return windows_of(units, token_sizes(encoder.tokens(text)[1], units), max(1, most))

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float64]:
        import numpy as np

        embed = self._embedder or self._encoder.encode
        return np.asarray(embed(texts), dtype=np.float64)


def standings(moved: Sequence[float], sizes: Sequence[int]) -> list[float]:
    """The share of all ``sizes`` that moves less, in 0..1: the middle of each one's own stretch."""
    total = sum(sizes)
    out = [0.0] * len(sizes)
    below = 0
    for i in sorted(range(len(sizes)), key=lambda i: (moved[i], i)):
        out[i] = (below + sizes[i] / 2) / total
        below += sizes[i]
    return out
