"""``gemfilter``: what the early layers of a language model look at, seen from the question."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, get_args

from ...errors import InvalidInput
from ..base import Task
from ..extractive import Candidates, ExtractiveCompressor

if TYPE_CHECKING:
    from .profiles import Profile
    from .ranks import Granularity

__all__ = ["GemFilterCompressor"]


class GemFilterCompressor(ExtractiveCompressor):
    """Keeps the text whose tokens the question's last token attends to in an early layer of a language model.

    GemFilter (Shi et al., 2024) runs layers 0 to r once over instruction, passages and question, and
    selects the positions with the highest attention logits of the last token at layer r, summed over heads
    and averaged over five neighbours. Instruction, titles and question are not candidates: only passages
    compete. For the paper's own second pass over the selected tokens see ``tersus.rag.gemfilter_llm``.

    A span's score is the share of the passages' text that scores no better than it, in 0..1.

    Args:
        model: an alias (``smollm2``), a hub name or a folder of a causal model with rotary attention.
        layer: r, counted from 0; by default that of the model's profile.
        kernel: how many neighbouring tokens a score is averaged over, an odd number; by default the
            profile's.
        granularity: "sentence" ranks sentences and "word" words by the mean of their tokens. "token" keeps
            every word of which a token is selected: text must never hold broken words, so that the
            selected positions are widened to whole ones. Sentences lose the fewest answers.
        threshold: score from which the adaptive budget keeps a span; 0.75 keeps the best quarter.
        chat: whether the prompt is a turn in the model's chat template, where it has one, instead of plain
            text that ends in "Answer:". The profiles were measured on plain text.
        window: most tokens of a prompt; by default the model's own window. Passages that need more are
            read in several prompts, and only those of one prompt see one another.
        device: "auto" (CUDA where there is one), "cpu", "cuda" ...
        precision: "auto" (bfloat16 on CUDA, else float32), "float32", "float16" or "bfloat16".
        batch_tokens: most tokens that go through the model at once where several prompts are short; by
            default 1,024, on CUDA 16,384.

    Raises:
        InvalidInput: a setting out of range.
        ModelMissing, ModelUnusable: at first use, the model cannot be loaded, or its attention not be read.
    """

    name: ClassVar[str] = "gemfilter"
    summary: ClassVar[str] = "What the early layers of a language model attend to, seen from the question"
    speed: ClassVar[str] = "slow"
    paper: ClassVar[str | None] = "Shi et al., 2024, arXiv:2409.17422"

    def __init__(
        self,
        model: str | os.PathLike[str] = "smollm2",
        *,
        layer: int | None = None,
        kernel: int | None = None,
        granularity: Granularity = "sentence",
        threshold: float = 0.75,
        chat: bool = False,
        window: int | None = None,
        device: str = "auto",
        precision: str = "auto",
        batch_tokens: int | None = None,
    ) -> None:
        from .ranks import Granularity as Known

        if granularity not in get_args(Known):
            raise InvalidInput(f"granularity is one of {', '.join(get_args(Known))}, not {granularity!r}")
        if not _is_number(threshold) or not 0 <= threshold <= 1:
            raise InvalidInput(f"the threshold is a share of the text, not {threshold!r}")
        for name, value in (("window", window), ("batch_tokens", batch_tokens), ("kernel", kernel)):
            if value is not None and (not _is_number(value) or value != int(value) or value < 1):
                raise InvalidInput(f"{name} must be a whole number of at least 1, not {value!r}")
        if kernel is not None and kernel % 2 == 0:
            raise InvalidInput(f"kernel must be odd, so that a token is in the middle of it, not {kernel}")
        if layer is not None and (not isinstance(layer, int) or isinstance(layer, bool) or layer < 0):
            raise InvalidInput(f"layer must be a whole number from 0, not {layer!r}")
        self.model: str = os.fspath(model)
        self.granularity: Granularity = granularity
        self.threshold = threshold
        self.joined = granularity != "sentence"
        self.chat = chat
        self.window = window
        self.device = device
        self.precision = precision
        self.batch_tokens = batch_tokens
        self._layer = layer
        self._kernel = kernel

    @cached_property
    def profile(self) -> Profile:
        """The layer and kernel in use; reads the model's configuration, not its weights.

        Raises:
            InvalidInput: the model has no such layer.
        """
        from dataclasses import replace

        from ..models.causal import load_causal
        from .profiles import Profile, model_key, profile_for
        from .scores import check_layer

        layers = int(load_causal(self.model, self.device, self.precision).config.num_hidden_layers)
        if self._layer is None:
            found = profile_for(self.model, layers)
        else:
            found = Profile(model_key(self.model), layers, check_layer(self._layer, layers), 5, "given")
        return found if self._kernel is None else replace(found, kernel=self._kernel)

    @cached_property
    def fingerprint(self) -> str:
        """Model and everything else that changes a score; no weights are loaded for it."""
        from ..models.causal import load_causal

        model = load_causal(self.model, self.device, self.precision).fingerprint
        settings = f"layer={self.profile.layer}:kernel={self.profile.kernel}:{self.granularity}"
        return f"{self.name}:{model}:{settings}:chat={self.chat:d}:window={self.window or 'model'}"

    def _score_batch(self, tasks: Sequence[Task]) -> Sequence[Candidates]:
        from ..models.causal import load_causal
        from .prompt import Writer
        from .ranks import standings, unit_scores, units_in
        from .scores import pool, token_scores
        from .windows import prompts_for

        causal = load_causal(self.model, self.device, self.precision)
        window = min(self.window or causal.context_window, causal.context_window)
        writer = Writer(causal, chat=self.chat)
        prompts = [prompts_for(writer, task.query, task.passages, window) for task in tasks]
        rows = [prompt.ids for found in prompts for prompt in found]
        scores = iter(token_scores(causal, rows, [self.profile.layer], self.batch_tokens))
        results: list[Candidates] = []
        for task, found in zip(tasks, prompts, strict=True):
            units = units_in(task.passages, self.granularity)
            pooled = [pool(next(scores)[0], self.profile.kernel) for _ in found]
            results.append(standings(units, unit_scores(units, found, pooled, self.granularity)))
        return results


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
