"""The network: one encoder pass over the windows, then a small head over all sentences of a query.

The encoder reads query and passage together. A sentence is the mean of its token states; the
window's first state speaks for the passage. The head judges a sentence twice: alone (``local``), and
in view of the other sentences of the query (``joint``), so that evidence found in one passage can
point to the next, by attention whose weights also see how two sentences relate (shared rare words,
one naming the other's title).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .lexical import EDGE_FEATURES, NODE_FEATURES

__all__ = ["EvidenceHead", "HeadShape", "Judgement", "pool_sentences"]

_POINTERS = (2, 3, 4, 6, 7)
"""Edge features that can lead from one passage to the next."""


@dataclass(frozen=True, slots=True)
class HeadShape:
    """Sizes of the head."""

    states: int = 384
    width: int = 128
    heads: int = 4
    layers: int = 2
    dropout: float = 0.1

    def to_dict(self) -> dict[str, Any]:
        """For the configuration beside the weights."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Judgement:
    """Logits. ``local`` and ``joint``: [queries, sentences]; padding holds no meaning."""

    local: Tensor
    joint: Tensor


class EvidenceHead(nn.Module):
    """Scores sentences alone, then together."""

    def __init__(self, shape: HeadShape) -> None:
        super().__init__()
        self.shape = shape
        width, states = shape.width, shape.states
        self.alone = nn.Sequential(
            nn.Linear(2 * states + NODE_FEATURES, width),
            nn.GELU(),
            nn.Dropout(shape.dropout),
            nn.Linear(width, 1),
        )
        self.passage = nn.Linear(states, 1)
        self.enter = nn.Linear(2 * states + NODE_FEATURES + 1 + len(_POINTERS), width)
        self.layers = nn.ModuleList(_EvidenceLayer(shape) for _ in range(shape.layers))
        self.leave = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 1))

    def forward(self, nodes: Tensor, edges: Tensor, mask: Tensor) -> Judgement:
        """Judge padded sentences.

        Args:
            nodes: [queries, n, 2 * states + NODE_FEATURES]: sentence state, passage state, features.
            edges: [queries, n, n, EDGE_FEATURES].
            mask: bool [queries, n], true where there is a sentence.
        """
        local = self.alone(nodes).squeeze(-1)
        trust = torch.sigmoid(local).masked_fill(~mask, 0.0)
        others = edges[..., _POINTERS] * (1 - edges[..., :1])
        pointed = (others * trust[:, None, :, None]).amax(2)
        x = self.enter(torch.cat([nodes, local.unsqueeze(-1), pointed], dim=-1))
        for layer in self.layers:
            x = layer(x, edges, mask)
        return Judgement(local, local + self.leave(x).squeeze(-1))


class _EvidenceLayer(nn.Module):
    """Self-attention over the sentences of a query; relations bias the weights and are passed on."""

    def __init__(self, shape: HeadShape) -> None:
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.before = nn.LayerNorm(width)
        self.project = nn.Linear(width, 3 * width)
        self.bias = nn.Sequential(nn.Linear(EDGE_FEATURES, 32), nn.GELU(), nn.Linear(32, shape.heads))
        self.relation = nn.Linear(shape.heads * EDGE_FEATURES, width)
        self.merge = nn.Linear(width, width)
        self.mix = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Dropout(shape.dropout),
            nn.Linear(2 * width, width),
        )
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor, edges: Tensor, mask: Tensor) -> Tensor:
        b, n, width = x.shape
        q, k, v = (
            self.project(self.before(x)).view(b, n, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        )
        logits = q @ k.transpose(-1, -2) / (width // self.heads) ** 0.5 + self.bias(edges).permute(0, 3, 1, 2)
        weights = logits.masked_fill(~mask[:, None, None, :], -1e4).softmax(-1)
        seen = (weights @ v).transpose(1, 2).reshape(b, n, width)
        related = torch.einsum("bhij,bije->bihe", weights, edges).reshape(b, n, -1)
        x = x + self.dropout(self.merge(seen) + self.relation(related))
        out: Tensor = x + self.dropout(self.mix(x))
        return out


def pool_sentences(states: Tensor, windows: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
    """Mean token state of each sentence, ``states[windows[i], starts[i]:ends[i]]``: float32 [n, d]."""
    states = states.float()
    sums = torch.cat([states.new_zeros(len(states), 1, states.shape[-1]), states.cumsum(1)], 1)
    return (sums[windows, ends] - sums[windows, starts]) / (ends - starts).unsqueeze(-1)
