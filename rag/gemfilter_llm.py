"""GemFilter as a generator: the model's early layers select the tokens that all its layers then read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llama_index.core.bridge.pydantic import Field

from ..compressors.models.causal import CausalModel
from ..compressors.models.generate import Generation, PromptTooLong, generate
from .local_llm import LocalLLM

if TYPE_CHECKING:
    from ..compressors.gemfilter.profiles import Profile

__all__ = ["GemFilterLLM"]


@dataclass
class _Filtered(Generation):
    given: int = 0
    kept: int = 0
    layer: int | None = None


class GemFilterLLM(LocalLLM):
    """A local model that answers from the tokens its own early layers selected.

    The second half of GemFilter (Shi et al., 2024, arXiv:2409.17422): layers 0 to r read the whole prompt
    once; of the context the ``keep`` tokens with the highest scores stay, in order; the whole model reads
    them as a prompt of their own, positions counted anew, and answers. Tokens are kept as they are: words may
    be broken, as in the paper, since only the model sees them.

    The context is what stands between ``marks``, as in the prompt of :mod:`tersus.rag.prompt`. Everything
    around it, instructions and question included, always stays. Where a prompt has no such marks, its
    first and last ``edge`` tokens and the special ones of the chat template stay, and the rest is context.

    ``raw`` is that of :class:`LocalLLM`, with ``prompt_tokens`` as given, and beside it
    ``{"gemfilter": {"given", "kept", "layer"}}``: tokens of the prompt, of them those that all layers read,
    and r; null where nothing had to be left out and no filter ran.

    Raises (from every call), besides what :class:`LocalLLM` raises:
        PromptTooLong: the prompt as given does not fit the context window, which the filter reads too.
        ModelUnusable: the model's attention cannot be read.
    """

    keep: int = Field(default=1024, gt=0, description="Most tokens of the context that stay.")
    layer: int | None = Field(default=None, ge=0, description="r, from 0; by default the profile's.")
    kernel: int | None = Field(default=None, gt=0, description="Pooling, odd; by default the profile's.")
    marks: tuple[str, str] = Field(
        default=("<passages>\n", "\n</passages>"), description="What stands before and after the context."
    )
    edge: int = Field(default=64, ge=0, description="Tokens that stay at both ends without marks.")

    @classmethod
    def class_name(cls) -> str:
        """The name LlamaIndex stores the object under."""
        return "TersusGemFilterLLM"

    def select(self, ids: Sequence[int]) -> list[int]:
        """The tokens of a prompt that all layers will read, in order; all of them, where they are few."""
        return self._select(self.causal, ids)[0]

    def _select(self, causal: CausalModel, ids: Sequence[int]) -> tuple[list[int], int | None]:
        import numpy as np

        from ..compressors.gemfilter.scores import pool, select, token_scores

        rivals = np.array(_context(causal, ids, self.marks, self.edge), dtype=np.intp)
        if len(rivals) <= self.keep:
            return list(ids), None
        profile = self._profile(causal)
        scores = pool(token_scores(causal, [ids], [profile.layer])[0][0], profile.kernel)
        lost = set(rivals.tolist()).difference(rivals[select(scores[rivals], self.keep)].tolist())
        return [token for at, token in enumerate(ids) if at not in lost], profile.layer

    def _profile(self, causal: CausalModel) -> Profile:
        from ..compressors.gemfilter import GemFilterCompressor

        return GemFilterCompressor(
            causal.name, layer=self.layer, kernel=self.kernel, device=self.device, precision=self.dtype
        ).profile

    def _answer(
        self, causal: CausalModel, ids: list[int], kwargs: dict[str, Any]
    ) -> Iterator[tuple[str, str, dict[str, Any]]]:
        if len(ids) >= causal.context_window:
            raise PromptTooLong(
                f"the prompt has {len(ids)} tokens, but {causal.name} reads at most {causal.context_window}",
                hint="the filter reads the whole prompt: retrieve fewer passages, or use a larger window",
            )
        chosen, layer = self._select(causal, ids)
        state = _Filtered(given=len(ids), kept=len(chosen), layer=layer)
        pieces = generate(
            causal,
            chosen,
            state,
            max_new_tokens=kwargs.get("max_new_tokens") or kwargs.get("max_tokens") or self.max_new_tokens,
            repetition_penalty=kwargs.get("repetition_penalty", self.repetition_penalty),
        )
        state.prompt_tokens = len(ids)
        return self._responses(pieces, state)

    def _raw(self, state: Generation) -> dict[str, Any]:
        raw = super()._raw(state)
        if isinstance(state, _Filtered):
            raw["gemfilter"] = {"given": state.given, "kept": state.kept, "layer": state.layer}
        return raw


def _context(causal: CausalModel, ids: Sequence[int], marks: tuple[str, str], edge: int) -> list[int]:
    """Positions of the tokens that compete.

    Marks are looked for in what the tokens read as, since a tokenizer may split them anywhere and join
    them with what stands beside them: a token that holds part of a mark is none of the context.
    """
    special = set(causal.tokenizer.all_special_ids)
    first = _shortest(causal, ids, marks[0], end=False)
    after = _shortest(causal, ids, marks[1], end=True)
    if first is None or after is None or first > len(ids) - after:
        first, after = edge, edge
    return [at for at in range(first, len(ids) - after) if ids[at] not in special]


def _shortest(causal: CausalModel, ids: Sequence[int], mark: str, *, end: bool) -> int | None:
    """Fewest tokens from the start (or the end) in which ``mark`` stands; None where it does not."""

    def holds(count: int) -> bool:
        part = ids[len(ids) - count :] if end else ids[:count]
        text: str = causal.tokenizer.decode(part, clean_up_tokenization_spaces=False)
        return mark in text

    if not mark or not holds(len(ids)):
        return None
    low, high = 0, len(ids)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
