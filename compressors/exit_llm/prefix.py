"""Keys and values of a prefix that many sequences follow: read once, never changed, never copied whole."""

from __future__ import annotations

import copy
from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicLayer

__all__ = ["PrefixCache", "sight"]


class _PrefixLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """Grows while the prefix is read; afterwards what follows is joined to it for one pass and let go.

    So only one layer's joined keys and values stand in memory at a time.
    """

    closed = False

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.closed:
            joined: tuple[torch.Tensor, torch.Tensor] = super().update(
                key_states, value_states, *args, **kwargs
            )
            return joined
        before: Any = self.keys, self.values
        return torch.cat([before[0], key_states], dim=-2), torch.cat([before[1], value_states], dim=-2)


class PrefixCache(Cache):
    """All layers in full, also where a model looks back only so far: the mask says how far."""

    def __init__(self) -> None:
        super().__init__(layer_class_to_replicate=_PrefixLayer)

    def close(self) -> None:
        """From here on nothing is kept."""
        self._set(closed=True)

    def opened(self) -> PrefixCache:
        """Another cache that begins with this one's tokens and can grow; this one stays as it is."""
        other = PrefixCache()
        other.layers = [copy.copy(layer) for layer in self.layers]
        other._set(closed=False)
        return other

    def _set(self, *, closed: bool) -> None:
        layers: list[Any] = self.layers
        for layer in layers:
            layer.closed = closed


def sight(
    before: int, positions: torch.Tensor, branch: torch.Tensor, leaf: torch.Tensor, window: int | None
) -> torch.Tensor:
    """Which tokens a pack's tokens see, bool [tokens, before + tokens].

    All of the prefix (``before`` tokens), and of the pack what stands at or before their own position in
    their own branch, in its stem or in their own leaf. ``window``: they see no further back than that.
    """
    own = (branch[:, None] == branch) & ((leaf == -1) | (leaf[:, None] == leaf))
    own &= positions <= positions[:, None]
    seen = torch.cat([own.new_ones(len(positions), before), own], dim=1)
    if window is not None:
        keys = torch.cat([torch.arange(before, device=positions.device), positions])
        seen &= positions[:, None] - keys < window
    return seen
