"""P(Yes) / (P(Yes) + P(No)) for many prompts, one by one or sharing what they have in common."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from functools import cached_property
from inspect import signature
from typing import Any

import torch

from ..models.causal import CausalModel
from .pack import Branch, Pack, common_start, leaf_packs
from .prefix import PrefixCache, sight
from .prompt import Prompts, ask, opening

__all__ = ["Judge"]

log = logging.getLogger(__name__)

_FULL, _SLIDING = "full_attention", "sliding_attention"
_PACK_TOKENS = {"cuda": 4096}
_PACK_TOKENS_ELSEWHERE = 512
"""Attention costs the square of a pack: more tokens at once pay only where the device is not full without."""


class Judge:
    """A model that answers Yes or No.

    Args:
        causal: the model's tokenizer, configuration, device and lock.
        network: its weights; those of ``causal`` where not given.
    """

    def __init__(self, causal: CausalModel, network: Any = None) -> None:
        self.causal = causal
        self.prompts = Prompts(causal)
        self._network = network

    @property
    def network(self) -> Any:
        """The weights, loaded when first used."""
        return self.causal.model if self._network is None else self._network

    def one_by_one(self, branches: Iterable[Branch]) -> list[float]:
        """One forward pass for each prompt: the definition, and what :meth:`together` is held against."""
        return torch.sigmoid(self._margins_alone(branches)).tolist()

    def together(self, branches: Sequence[Branch], pack_tokens: int | None = None) -> list[float]:
        """The same for all prompts of one query, in order; what they share is read once.

        At most ``pack_tokens`` tokens go through the model at once, or those of one sentence.
        Models of a kind that cannot share (see :attr:`shares`) are asked one by one.
        """
        if not self.shares:
            return self.one_by_one(branches)
        return torch.sigmoid(self._margins_shared(branches, pack_tokens)).tolist()

    @cached_property
    def shares(self) -> bool:
        """Whether this model gives in a pack what it gives alone: tried once, on two short contexts.

        Attention of some kinds knows no mask of ours (recurrent layers, distances instead of positions), and
        new ones appear: a model that fails the trial is slower, not wrong.
        """
        sentences = [ask(s) for s in ("One.", "Not this one.")]
        contexts = [
            opening("Which one?", c) for c in ("One. Not this one.", "Only. One. Not this one. Two, too.")
        ]
        branches = [Branch.of(self.prompts.encode_all(context, sentences)) for context in contexts]
        alone = self._margins_alone(branches)
        try:
            shared = self._margins_shared(branches, None)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, RuntimeError) as error:
            log.warning("%s cannot share prefixes, prompts run one by one: %s", self.causal.name, error)
            return False
        exact = self.network.dtype == torch.float32
        off = float((alone - shared).abs().max())
        if not off <= (0.01 if exact else 0.5):
            log.warning("%s differs by %.3g in packs, prompts run one by one", self.causal.name, off)
            return False
        return True

    def _margins_alone(self, branches: Iterable[Branch]) -> torch.Tensor:
        """Logit of Yes above that of No, float32 [prompts] on the CPU."""
        prompts = (prompt for branch in branches for prompt in branch.prompts())
        return torch.cat([self._forward(ids, [len(ids) - 1], use_cache=False) for ids in prompts])

    def _margins_shared(self, branches: Sequence[Branch], pack_tokens: int | None) -> torch.Tensor:
        most = pack_tokens or _PACK_TOKENS.get(self.causal.device.type, _PACK_TOKENS_ELSEWHERE)
        margins = torch.empty(sum(len(branch.leaves) for branch in branches))
        trunk = common_start([branch.stem for branch in branches])
        cache = self._read(PrefixCache(), 0, branches[0].stem[:trunk], most)
        pack, first = Pack(), 0
        for branch in branches:
            stem, leaves = branch.stem[trunk:], branch.leaves
            size = len(stem) + sum(map(len, leaves))
            if size > most:
                own = self._read(cache.opened(), trunk, stem, most)
                for part in leaf_packs(len(branch.stem), leaves, first, most):
                    margins[part.numbers] = self._margins(own, len(branch.stem), part)
            else:
                if len(pack.ids) + size > most:
                    margins[pack.numbers] = self._margins(cache, trunk, pack)
                    pack = Pack()
                pack.add(trunk, stem, leaves, first)
            first += len(leaves)
        if pack.ids:
            margins[pack.numbers] = self._margins(cache, trunk, pack)
        return margins

    def _read(self, cache: PrefixCache, start: int, ids: Sequence[int], most: int) -> PrefixCache:
        for at in range(0, len(ids), most):
            pack, part = Pack(), ids[at : at + most]
            pack.add(start + at, part, [], 0)
            self._forward(part, [len(part) - 1], **self._packed(cache, start + at, pack))
        cache.close()
        return cache

    def _margins(self, cache: PrefixCache, start: int, pack: Pack) -> torch.Tensor:
        return self._forward(pack.ids, pack.ends, **self._packed(cache, start, pack))

    def _packed(self, cache: PrefixCache, start: int, pack: Pack) -> dict[str, Any]:
        device, config = self.causal.device, self.network.config.get_text_config()
        positions, branch, leaf = (
            torch.tensor(numbers, device=device) for numbers in (pack.positions, pack.branch, pack.leaf)
        )
        kinds = set(getattr(config, "layer_types", None) or ())
        if kinds - {_FULL, _SLIDING}:
            raise ValueError(f"its layers are of the kinds {sorted(kinds)}")
        window = getattr(config, "sliding_window", None)
        window = window if getattr(config, "use_sliding_window", True) else None

        def mask(back: int | None) -> torch.Tensor:
            seen = sight(start, positions, branch, leaf, back)
            # Added to the attention's logits: both of transformers' usual attentions take it so.
            added = torch.zeros(seen.shape, dtype=self.network.dtype, device=device)
            return added.masked_fill_(~seen, torch.finfo(added.dtype).min)[None, None]

        masks = {kind: mask(window if kind == _SLIDING else None) for kind in kinds}
        return {
            "position_ids": positions[None],
            "attention_mask": masks or mask(window),
            "past_key_values": cache,
            "use_cache": True,
        }

    def _forward(self, ids: Sequence[int], ends: Sequence[int], **given: Any) -> torch.Tensor:
        """Margins at the places ``ends``; where the model allows it, only their logits are computed."""
        yes, no = self.prompts.answers
        network, device = self.network, self.causal.device
        only = "logits_to_keep" in signature(network.forward).parameters
        if only:
            given["logits_to_keep"] = torch.tensor(ends, device=device)
        # The lock: two passes at once would only fight for the same cores.
        with self.causal.lock, torch.inference_mode():
            logits = network(input_ids=torch.tensor([list(ids)], device=device), **given).logits[0]
            logits = (logits if only else logits[ends]).float()
            margins: torch.Tensor = (logits[:, yes] - logits[:, no]).cpu()
        return margins
