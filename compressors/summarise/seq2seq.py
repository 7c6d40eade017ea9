"""Summaries by a sequence-to-sequence model: T5, BART, Pegasus and their kin."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InvalidInput
from .extractive import ExtractiveSummariser
from .written import Written, WrittenSummariser

if TYPE_CHECKING:
    import torch

__all__ = ["Seq2SeqSummariser"]

_UNSAID = 512  # positions, where neither model nor tokenizer says
_BATCH = 8
_STEP = 32


class Seq2SeqSummariser(WrittenSummariser):
    """Summaries by any transformers sequence-to-sequence model, checked against their sources.

    Never sampled: the same texts give the same summary. Weights load at first use.

    Args:
        model: a folder or a hub name.
        prompt: yours; ``{text}``, ``{words}`` and ``{query}`` are filled in. By default the text after what
            the model's configuration names for summarising ("summarize: " of T5), if anything.
        beams: 1 is greedy; None is what the model's own files say.
        extractive: writes the fallbacks.
        device: "auto" (CUDA where there is one), "cpu", "cuda" ...

    Raises:
        InvalidInput: ``beams`` below 1, a prompt without ``{text}``.
        ModelMissing, ModelUnusable: at first use, the model cannot be loaded.
    """

    def __init__(
        self,
        model: str | os.PathLike[str],
        *,
        prompt: str | None = None,
        beams: int | None = None,
        extractive: ExtractiveSummariser | None = None,
        device: str = "auto",
    ) -> None:
        if beams is not None and beams < 1:
            raise InvalidInput(f"beams must be at least 1, got {beams}")
        writer = _Seq2Seq(os.fspath(model), beams, device, own_prefix=prompt is None)
        super().__init__(writer, prompt or "{text}", extractive=extractive)


class _Seq2Seq:
    def __init__(self, model: str, beams: int | None, device: str, *, own_prefix: bool) -> None:
        self.name = model
        self._beams, self._device, self._own_prefix = beams, device, own_prefix
        self._lock = threading.RLock()

    @cached_property
    def folder(self) -> Path:
        from ..models.store import model_folder

        return model_folder(self.name)

    @cached_property
    def fingerprint(self) -> str:
        from ..models.fingerprint import fingerprint_folder

        name = Path(self.name).name if Path(self.name).exists() else self.name
        return f"{name}-{fingerprint_folder(self.folder)}:beams={self._beams or 'own'}"

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        from ..models.hugging_face import whole_transformers
        from ..models.runtime import loading, pick_device, pick_dtype

        transformers = whole_transformers()
        device = pick_device(self._device)
        with loading(self.folder, "a sequence-to-sequence model"):
            tokenizer = transformers.AutoTokenizer.from_pretrained(self.folder, local_files_only=True)
            model: Any = transformers.AutoModelForSeq2SeqLM.from_pretrained(
                self.folder, dtype=pick_dtype("auto", device, on_cuda="bfloat16"), local_files_only=True
            )
        return model.to(device).eval(), tokenizer

    @cached_property
    def _prefix(self) -> str:
        if not self._own_prefix:
            return ""
        with self._lock:
            tasks = getattr(self._loaded[0].config, "task_specific_params", None) or {}
        return str(tasks.get("summarization", {}).get("prefix") or "")

    @cached_property
    def _window(self) -> int:
        """Most tokens of a text read, and of one written."""
        with self._lock:
            model, tokenizer = self._loaded
        names = ("max_position_embeddings", "n_positions")
        known = [getattr(model.config, name, None) for name in names]
        return min([int(n) for n in [*known, tokenizer.model_max_length] if n and n < 10**6] or [_UNSAID])

    def room(self, limit: int) -> int:  # noqa: ARG002 - what it writes has positions of its own
        return self._window - self.count(self._prefix) - 2

    def count(self, text: str) -> int:
        with self._lock:  # a tokenizer's settings are state
            return len(self._loaded[1](text, add_special_tokens=False, verbose=False)["input_ids"])

    def write(self, prompts: Sequence[str], limits: Sequence[int]) -> list[Written]:
        """In batches of like length that may all write equally much, so that none depends on the others."""
        with self._lock:
            _, tokenizer = self._loaded
            ids = [tokenizer(self._prefix + prompt, verbose=False)["input_ids"] for prompt in prompts]
            steps = [-(-(limit + limit // 4 + 8) // _STEP) * _STEP for limit in limits]
            caps = [min(step, self._window - 1) for step in steps]
            order = sorted(range(len(ids)), key=lambda i: (caps[i], len(ids[i])))
            found: dict[int, Written] = {}
            while order:
                batch = [i for i in order[:_BATCH] if caps[i] == caps[order[0]]]
                order = order[len(batch) :]
                found |= zip(batch, self._generate([ids[i] for i in batch], caps[batch[0]]), strict=True)
        return [found[i] for i in range(len(prompts))]

    def _generate(self, rows: Sequence[list[int]], cap: int) -> list[Written]:
        import copy

        import torch

        model, tokenizer = self._loaded
        pad, width = model.config.pad_token_id or 0, max(map(len, rows))
        ids = torch.tensor([[*row, *[pad] * (width - len(row))] for row in rows], device=model.device)
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=model.device)
        settings = copy.deepcopy(model.generation_config)
        settings.update(max_length=cap + 1, max_new_tokens=None, do_sample=False)  # one starts the decoder
        settings.min_length = min(settings.min_length or 0, cap // 2)
        settings.num_beams = self._beams or settings.num_beams
        with torch.inference_mode():
            output = model.generate(input_ids=ids, attention_mask=mask, generation_config=settings)
        return [_read(row, read, tokenizer, settings) for row, read in zip(output, rows, strict=True)]


def _read(output: torch.Tensor, read: list[int], tokenizer: Any, settings: Any) -> Written:
    ends = settings.eos_token_id if isinstance(settings.eos_token_id, list) else [settings.eos_token_id]
    said: list[int] = output[1:].tolist()  # the first starts the decoder, and may be an end's id, too
    end = next((i for i, token in enumerate(said) if token in ends and i), len(said))
    text: str = tokenizer.decode(said[:end], skip_special_tokens=True)
    return Written(text, len(read) + end, end == len(said))
