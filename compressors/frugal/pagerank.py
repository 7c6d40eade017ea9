"""Weighted PageRank on the graph of attention (Zero-TPrune)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import InvalidInput
from .trace import Trace

if TYPE_CHECKING:
    import torch

__all__ = ["graph_ranks", "pagerank"]

_ROUNDS = 100
_CLOSE = 1e-7


def pagerank(done: Trace, layer: int = -1) -> torch.Tensor:
    """Importance of each token by one layer's attention, [n, t].

    Zero-TPrune (Wang et al., 2024, section 3.2): a token is important where important tokens attend to it.
    The heads' ranks become one by their root mean square, so that what few heads see is not averaged away.

    Args:
        done: the forward pass.
        layer: which one, counted as Python does.

    Raises:
        InvalidInput: there is no such layer.
    """
    if not -len(done.layers) <= layer < len(done.layers):
        raise InvalidInput(f"the encoder has {len(done.layers)} layers, none has the number {layer}")
    attention = done.layers[layer].attention
    inside = done.mask[:, None].expand(attention.shape[:2] + done.mask.shape[1:])
    return graph_ranks(attention, inside).square().mean(1).sqrt()


def graph_ranks(graph: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """The stationary importance of the nodes of graphs, [..., t], summing to 1.

    From equal shares, every node gives its importance to those that its row names, until nothing changes
    (power iteration without damping: rows of attention have no zeros).

    Args:
        graph: weights, ``graph[i, j]`` from i to j, rows summing to 1, [..., t, t].
        inside: 1 for a node, 0 for padding, [..., t].
    """
    import torch

    with torch.inference_mode():
        ranks = inside / inside.sum(-1, keepdim=True)
        for _ in range(_ROUNDS):
            before = ranks
            ranks = (before.unsqueeze(-2) @ graph).squeeze(-2)
            if (ranks - before).abs().max() < _CLOSE:
                break
        return ranks
