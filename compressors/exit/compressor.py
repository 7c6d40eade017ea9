"""``exit``: the sentences that the answer needs, by a trained classifier in one pass a passage."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ...errors import InvalidInput
from ..base import Task
from ..budget import Calibration
from ..extractive import Candidates, ExtractiveCompressor
from ..models.fingerprint import fingerprint_folder
from ..types import Passage, Span

if TYPE_CHECKING:
    from .reading import Reading
    from .scorer import ExitModel, Scores

__all__ = ["ExitCompressor"]


class ExitCompressor(ExtractiveCompressor):
    """Scores every sentence with the probability that the answer needs it, and keeps the best.

    After EXIT (Hwang et al., 2024): sentences are classified in the context of their own document. An encoder
    reads query and passage once and judges all sentences in that pass, then a small head lets the sentences
    of all passages point at one another, so that evidence found first helps to find the rest.

    Args:
        model: a folder or hub name of trained weights; those shipped in the package by default.
        hops: 1 judges every sentence from its own window, 2 all sentences of a query in view of one another.
        threshold: probability from which the adaptive budget keeps a sentence; by default the weights' own.
        device: "auto" (CUDA where there is one), "cpu", "cuda" ...
        precision: "auto", "float32", "float16" or "bfloat16".
    """

    name: ClassVar[str] = "exit"
    summary: ClassVar[str] = "The sentences the answer needs, by a trained classifier: the default"
    speed: ClassVar[str] = "fast"
    paper: ClassVar[str | None] = "Hwang et al., 2024, arXiv:2412.12559"

    def __init__(
        self,
        model: str | os.PathLike[str] = "shipped",
        *,
        hops: int = 2,
        threshold: float | None = None,
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        if hops not in (1, 2):
            raise InvalidInput(f"hops must be 1 or 2, not {hops!r}")
        self.model: str = os.fspath(model)
        self.hops = hops
        self.device = device
        self.precision = precision
        self._given_threshold = threshold

    @cached_property
    def folder(self) -> Path:
        """Where the weights lie.

        Raises:
            ModelMissing: they are neither on this machine nor to be had from the hub.
        """
        from ..models.store import model_folder
        from .settings import SHIPPED

        return SHIPPED if self.model == "shipped" else model_folder(self.model)

    @cached_property
    def threshold(self) -> float:  # type: ignore[override]
        """Probability from which the adaptive budget keeps a sentence."""
        from .settings import read_settings

        return (
            read_settings(self.folder).threshold if self._given_threshold is None else self._given_threshold
        )

    @cached_property
    def fingerprint(self) -> str:
        """Weights and what else changes a score."""
        return f"{self.name}:{fingerprint_folder(self.folder)}:hops={self.hops}"

    @property
    def shipped_calibrations(self) -> Sequence[Calibration]:
        """Found on the development files of the sets that the weights were trained on."""
        from .settings import read_calibrations

        return read_calibrations(self.folder)

    def rerank(self, query: str, passages: Sequence[Passage]) -> list[float]:
        """Probability for each passage that it holds something the answer needs, in the order given.

        Raises:
            InvalidInput: as :meth:`compress`.
        """
        task = self._tasks([query], [passages], None, None, None)[0]
        _, scores = self._judge([task])[0]
        return [float(score) for score in scores.passages]

    def _score_batch(self, tasks: Sequence[Task]) -> Sequence[Candidates]:
        return [_candidates(len(t.passages), *j) for t, j in zip(tasks, self._judge(tasks), strict=True)]

    def _judge(self, tasks: Sequence[Task]) -> list[tuple[Reading, Scores]]:
        from .reading import read

        model = self._loaded()
        readings = [read(model.tokenizer, task.query, task.passages) for task in tasks]
        return list(zip(readings, model.score(readings, hops=self.hops), strict=True))

    def _loaded(self) -> ExitModel:
        from .weights import load_exit_model

        return load_exit_model(self.folder, self.device, self.precision)


def _candidates(passages: int, reading: Reading, scores: Scores) -> Candidates:
    spans: list[list[Span]] = [[] for _ in range(passages)]
    for sentence, score in zip(reading.sentences, scores.sentences, strict=True):
        spans[sentence.passage].append(Span(sentence.segment.start, sentence.segment.end, float(score)))
    for passage, segment in reading.unread:
        spans[passage].append(Span(segment.start, segment.end, 0.0))
    return [sorted(found, key=lambda span: span.start) for found in spans]
