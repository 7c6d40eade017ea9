"""DecompX for one target: every token's exact share of a linear function of the output, in one pass back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .layers import Norm
from .trace import LayerTrace, Trace

if TYPE_CHECKING:
    import torch

__all__ = ["pull_back"]


def pull_back(done: Trace, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The share of each token in ``sum(target * output)``, and what the biases have of it.

    DecompX (Modarressi et al., 2023) follows every token's vector through all layers, attention weights,
    deviations of the layer norms and slopes of the activations being given: all linear. So a linear function
    of the output can instead be followed back once, to what it is of the embeddings; the scalar product
    of each embedding with that is what :func:`.decompx.decompose` would give, biases apart. That costs about
    one more forward pass in place of one for every token.

    Args:
        done: the forward pass.
        target: [n, t, d]; 0 at padding.

    Returns:
        Shares [n, t] and rest [n]: ``shares.sum(1) + rest`` is the function's value.
    """
    import torch

    with torch.inference_mode():
        pulled = target.float()
        for layer in reversed(done.layers):
            pulled = _through(layer, pulled)
        shares = (pulled * done.embeddings).sum(-1) * done.mask
        value = (target.float() * done.output).sum((1, 2))
        return shares, value - shares.sum(1)


def _through(done: LayerTrace, pulled: torch.Tensor) -> torch.Tensor:
    """The gradient of a layer with its coefficients held: each step is the transpose of the forward one."""
    layer = done.layer
    pulled = _norm(layer.norm2, done.deviation2, pulled)
    pulled = pulled + (pulled @ layer.down[0] * done.slope) @ layer.up[0]
    pulled = _norm(layer.norm1, done.deviation1, pulled)
    n, t, d = pulled.shape
    heads = (pulled @ layer.out[0]).view(n, t, layer.heads, d // layer.heads).transpose(1, 2)
    mixed = (done.attention.transpose(2, 3) @ heads).transpose(1, 2).reshape(n, t, d)
    return pulled + mixed @ layer.value[0]


def _norm(norm: Norm, deviation: torch.Tensor, pulled: torch.Tensor) -> torch.Tensor:
    scaled = pulled * norm.gain / deviation
    return scaled - scaled.mean(-1, keepdim=True)
