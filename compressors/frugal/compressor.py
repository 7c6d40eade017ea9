"""``frugal``: the words or sentences that an encoder's attribution finds salient."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from ...errors import InvalidInput
from ..base import Task
from ..extractive import Candidates, ExtractiveCompressor
from ..wordwise import Granularity, pool_tokens, scored_spans, units_of
from .standing import Scope, standings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..models.encoder import TextEncoder
    from ..segment.word_units import WordUnit

__all__ = ["FrugalCompressor"]

_Scorer = Literal["query", "decompx", "globenc", "pagerank"]


class FrugalCompressor(ExtractiveCompressor):
    """Keeps the text that an encoder's token attribution finds salient.

    FrugalPrompt (Raiyan et al., 2025) keeps the k percent of a prompt's tokens with the highest salience by
    GlobEnc or DecompX, in their order, whatever is asked. The default here goes on from there: DecompX takes
    the embedding of a passage apart exactly, so that every token has its exact share of the
    passage's similarity to the question. Kept are whole words or sentences, never word pieces; code, tables,
    headings and list items stay whole.

    Args:
        model: an alias (``minilm``), a hub name or a folder of a BERT- or RoBERTa-type sentence encoder.
        scorer: "query" is each token's share of the similarity to the question. The others ask nothing:
            "decompx" is its share of the passage's own embedding, "globenc" its weight in the rolled out
            norms, "pagerank" its rank on the graph of attention (Zero-TPrune).
        granularity: "sentence" or "word".
        scope: what competes for the budget: all of a query's text ("context"), each "passage" by itself,
            or each "sentence", as in the paper (with words only).
        threshold: what the adaptive budget keeps; a share of the text in a scope narrower than the context,
            else a score, by default that of the method.
        window: most tokens read at once; by default what the model's files say.
        device: "auto" (CUDA where there is one), "cpu", "cuda" ...

    Raises:
        InvalidInput: a setting out of range.
        ModelMissing, ModelUnusable: at first use, the model cannot be loaded or taken apart.
    """

    name: ClassVar[str] = "frugal"
    summary: ClassVar[str] = "Words or sentences by token attribution: their exact share of the similarity"
    paper: ClassVar[str | None] = "Raiyan et al., 2025, arXiv:2510.16439"
    speed: ClassVar[str] = "fast"

    def __init__(
        self,
        model: str | os.PathLike[str] = "minilm",
        *,
        scorer: _Scorer = "query",
        granularity: Granularity = "sentence",
        scope: Scope = "context",
        threshold: float | None = None,
        window: int | None = None,
        device: str = "auto",
    ) -> None:
        _known("scorer", scorer, get_args(_Scorer))
        _known("granularity", granularity, get_args(Granularity))
        _known("scope", scope, get_args(Scope))
        if scope == "sentence" and granularity == "sentence":
            raise InvalidInput(
                "within a sentence only words can compete", hint='granularity="word", or scope="passage"'
            )
        if window is not None and (not isinstance(window, int) or window < 8):
            raise InvalidInput(f"window must be a whole number of at least 8, not {window!r}")
        self.model: str = os.fspath(model)
        self.scorer: _Scorer = scorer
        self.granularity: Granularity = granularity
        self.scope: Scope = scope
        self.threshold = _THRESHOLD[scorer] if threshold is None else float(threshold)
        if scope != "context" and threshold is None:
            self.threshold = 0.75
        self.window = window
        self.device = device
        self.joined = granularity == "word"

    @property
    def needs_query(self) -> bool:  # type: ignore[override]
        """Only ``query`` reads it."""
        return self.scorer == "query"

    @cached_property
    def fingerprint(self) -> str:
        """Model and everything else that changes a score."""
        settings = f"{self.scorer}:{self.granularity}:{self.scope}:window={self.window or 'model'}"
        return f"{self.name}:{self._encoder.fingerprint}:{settings}"

    @property
    def _encoder(self) -> TextEncoder:
        from ..models.encoder import load_encoder

        return load_encoder(self.model, self.device)

    def _score_batch(self, tasks: Sequence[Task]) -> Sequence[Candidates]:
        from .scores import token_scores
        from .windows import windows_of

        encoder = self._encoder
        limit = encoder.max_length if self.window is None else min(self.window, encoder.positions)
        read = [windows_of(encoder, task.passages, limit) for task in tasks]
        windows = [window for found in read for window in found]
        queries = [task.query for task, found in zip(tasks, read, strict=True) for _ in found]
        scores = iter(token_scores(encoder, windows, queries, self.scorer))
        results: list[Candidates] = []
        for task, found in zip(tasks, read, strict=True):
            units = [units_of(passage.text, self.granularity) for passage in task.passages]
            offsets: list[list[tuple[int, int]]] = [[] for _ in units]
            values: list[list[float]] = [[] for _ in units]
            for window in found:
                offsets[window.passage] += window.offsets
                values[window.passage] += next(scores).tolist()
            results.append(self._candidates(units, offsets, values))
        return results

    def _candidates(
        self,
        units: Sequence[Sequence[WordUnit]],
        offsets: Sequence[Sequence[tuple[int, int]]],
        values: Sequence[Sequence[float]],
    ) -> Candidates:
        # What no token touches (control characters) is the last to be kept.
        least = min((min(found) for found in values if found), default=0.0)
        scores: list[NDArray[np.float64]] = [
            pool_tokens(found, where, what, _POOL[self.granularity], missing=least)
            for found, where, what in zip(units, offsets, values, strict=True)
        ]
        if self.scope != "context":
            scores = [standings(f, s, self.scope) for f, s in zip(units, scores, strict=True)]
        return [scored_spans(found, score) for found, score in zip(units, scores, strict=True)]


_THRESHOLD: dict[_Scorer, float] = {"query": 0.3, "decompx": 1.0, "globenc": 1.0, "pagerank": 1.0}
_POOL: dict[Granularity, Literal["max", "mean"]] = {"word": "max", "sentence": "mean"}


def _known(name: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InvalidInput(f"{name} is one of {', '.join(known)}, not {value!r:.80}")
