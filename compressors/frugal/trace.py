"""One forward pass with everything kept that makes it linear afterwards.

With attention weights, the layer norms' deviations and the slopes of the activations given, what a layer
does to its input is linear. All attribution methods here start from such a trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .layers import EncoderLayer, Norm, layers_of

if TYPE_CHECKING:
    import torch

__all__ = ["LayerTrace", "Trace", "trace"]

_TINY = 1e-6


@dataclass(frozen=True, slots=True)
class LayerTrace:
    """What one layer did: n texts, t tokens, d channels, h heads, f inner channels; float32.

    Attributes:
        layer: its weights.
        given: what it got, [n, t, d].
        attention: its weights, rows summing to 1, [n, h, t, t].
        middle: what came out of the first layer norm, [n, t, d].
        deviation1, deviation2: what the layer norms divided by, [n, t, 1].
        slope: of the activation from the origin, f(z) / z, [n, t, f].
    """

    layer: EncoderLayer
    given: torch.Tensor
    attention: torch.Tensor
    middle: torch.Tensor
    deviation1: torch.Tensor
    slope: torch.Tensor
    deviation2: torch.Tensor


@dataclass(frozen=True, slots=True)
class Trace:
    """A pass over n texts of up to t tokens: ``mask`` [n, t] is 1 where there is one, padding stands right.

    ``embeddings`` went into the first layer, ``output`` came out of the last, both [n, t, d].
    """

    mask: torch.Tensor
    embeddings: torch.Tensor
    layers: list[LayerTrace]
    output: torch.Tensor


def trace(model: Any, rows: Sequence[Sequence[int]], pad: int = 0) -> Trace:
    """Run ``model`` over token ids, each row with its special tokens.

    Nothing is set on the model, so that threads may share it. Memory: 4 · n · t · layers · (h · t + f + 2d)
    bytes.

    Raises:
        ModelUnusable: not a BERT- or RoBERTa-type encoder.
    """
    import torch

    layers = layers_of(model)
    width = max(map(len, rows))
    device = model.device
    ids = torch.tensor([[*row, *[pad] * (width - len(row))] for row in rows], device=device)
    mask = torch.tensor([[1.0] * len(row) + [0.0] * (width - len(row)) for row in rows], device=device)
    with torch.inference_mode():
        embeddings = model.embeddings(input_ids=ids).float()
        blocked = (1 - mask)[:, None, None, :] * torch.finfo(torch.float32).min
        states, done = embeddings, []
        for layer in layers:
            found, states = _run(layer, states, blocked)
            done.append(found)
    return Trace(mask, embeddings, done, states)


def _run(layer: EncoderLayer, given: torch.Tensor, blocked: torch.Tensor) -> tuple[LayerTrace, torch.Tensor]:
    from torch.nn.functional import linear

    n, t, d = given.shape
    shape = (n, t, layer.heads, d // layer.heads)
    query, key, value = (
        linear(given, *weights).view(shape).transpose(1, 2)
        for weights in (layer.query, layer.key, layer.value)
    )
    attention = (query @ key.transpose(2, 3) * shape[-1] ** -0.5 + blocked).softmax(-1)
    mixed = (attention @ value).transpose(1, 2).reshape(n, t, d)
    middle, deviation1 = _norm(layer.norm1, linear(mixed, *layer.out) + given)
    inner = linear(middle, *layer.up)
    # Where the input of the activation is 0, the slope is that at 0.
    safe = inner.where(inner.abs() > _TINY, inner.new_tensor(_TINY))
    slope = layer.activation(safe) / safe
    output, deviation2 = _norm(layer.norm2, linear(slope * inner, *layer.down) + middle)
    return LayerTrace(layer, given, attention, middle, deviation1, slope, deviation2), output


def _norm(norm: Norm, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    centred = x - x.mean(-1, keepdim=True)
    deviation = (centred.square().mean(-1, keepdim=True) + norm.eps).sqrt()
    return centred / deviation * norm.gain + norm.shift, deviation
