"""LLMLingua and LongLLMLingua, as released, with any causal language model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

from ...compressors import CompressedPassage, Compressor, Draft, SourcedSentence, Task
from ...compressors.models.store import model_folder
from ...errors import InvalidInput, NotInstalled
from .process import PeerProcess

__all__ = ["PYTHON", "LLMLinguaCompressor", "LongLLMLinguaCompressor"]

PYTHON = "TERSUS_LLMLINGUA_PYTHON"
"""Names the interpreter of the environment with llmlingua."""

_WORKER = Path(__file__).with_name("llmlingua_worker.py")


class LLMLinguaCompressor(Compressor):
    """``llmlingua.PromptCompressor``: drops the tokens that a small language model finds likely.

    It needs transformers 4 and so runs in an environment of its own, in a process that is asked a question
    at a time. It returns one text for all passages, in which theirs cannot be told apart: that stands in the
    place of the first one and names all as its sources. Its ratio is one of its own model's tokens, and only
    aimed at.

    Source: Jiang et al., 2023, "LLMLingua", arXiv:2310.05736.

    Args:
        model: an alias (``smollm2``), a hub name or a folder of a causal language model.
        python: the interpreter; that of ``TERSUS_LLMLINGUA_PYTHON`` where None.

    Raises:
        NotInstalled: no interpreter is named.
        ModelMissing: there is no such model.
    """

    name: ClassVar[str] = "llmlingua"
    kind: ClassVar[Literal["extractive", "abstractive"]] = "abstractive"
    summary: ClassVar[str] = "LLMLingua 0.2.2: tokens that a small language model finds likely are dropped"
    paper: ClassVar[str | None] = "Jiang et al., 2023, arXiv:2310.05736"
    needs_query: ClassVar[bool] = False
    speed: ClassVar[str] = "slow"
    long: ClassVar[bool] = False

    def __init__(self, model: str = "smollm2", *, python: str | None = None) -> None:
        python = python or os.environ.get(PYTHON)
        if not python:
            raise NotInstalled(
                f"{self.name} needs an environment of its own (transformers 4), and none is named",
                hint=f"run 'make llmlingua', and set {PYTHON} to its python",
            )
        self.model = model
        # -I: without this folder among those that are imported from, whose llmlingua is another one.
        self._process = PeerProcess([python, "-I", _WORKER, model_folder(model)])

    def _compress_batch(self, tasks: Sequence[Task]) -> Sequence[Draft]:
        return [self._one(task) for task in tasks]

    def _one(self, task: Task) -> Draft:
        budget = task.budget
        if budget.ratio is None or budget.max_tokens is not None:
            raise InvalidInput(f"{self.name} takes a ratio alone", hint="give ratio=0.25")
        written = [n for n, passage in enumerate(task.passages) if passage.text.strip()]
        blocks = [f"{task.passages[n].title}\n{task.passages[n].text}".strip() for n in written]
        text = self._asked(task.query, blocks, budget.ratio) if blocks else ""
        return Draft(
            [
                CompressedPassage.rewritten(passage, [SourcedSentence(text, tuple(written))])
                if text and n == written[0]
                else CompressedPassage.of(passage, [])
                for n, passage in enumerate(task.passages)
            ]
        )

    def _asked(self, question: str, passages: Sequence[str], ratio: float) -> str:
        import torch

        asked = {"passages": passages, "question": question, "rate": ratio, "long": self.long}
        text: str = self._process.ask({**asked, "threads": torch.get_num_threads()})
        return text.strip()


class LongLLMLinguaCompressor(LLMLinguaCompressor):
    """The same with the question in view: passages ranked and sorted by it, tokens by contrastive perplexity.

    Source: Jiang et al., 2024, "LongLLMLingua", arXiv:2310.06839, with the options its authors give.
    """

    name: ClassVar[str] = "longllmlingua"
    summary: ClassVar[str] = "LongLLMLingua 0.2.2: the same, with the question in view"
    paper: ClassVar[str | None] = "Jiang et al., 2024, arXiv:2310.06839"
    needs_query: ClassVar[bool] = True
    long: ClassVar[bool] = True
