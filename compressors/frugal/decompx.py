"""DecompX: every output vector as an exact sum of one vector for each input token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ...errors import InvalidInput
from .layers import Norm
from .trace import LayerTrace, Trace

if TYPE_CHECKING:
    import torch

__all__ = ["Biases", "decompose"]

Biases = Literal["shared", "apart"]


def decompose(done: Trace, biases: Biases = "shared") -> torch.Tensor:
    """The decomposed token vectors of the last layer (Modarressi et al., 2023, section 3).

    ``parts[i, k]`` is what token k gave to output i through attention, residuals, layer norms and
    feed-forward, whose activation is taken by its slope from the origin. ``parts.sum(1)`` is the output.

    For conformance and short texts: memory grows with t² · f. :func:`.pullback.pull_back` gives what
    a score needs of it.

    Args:
        done: the pass over one text.
        biases: "shared" divides each bias among the tokens by the absolute scalar product of their vectors
            with it, as the paper does; "apart" carries them as one more part, the last.

    Returns:
        float32 [t, t, d], or [t, t + 1, d] where biases stand apart.

    Raises:
        InvalidInput: more than one text.
    """
    import torch

    n, t, d = done.embeddings.shape
    if n != 1:
        raise InvalidInput(f"the full decomposition takes one text, not {n}")
    with torch.inference_mode():
        parts = done.embeddings.new_zeros(t, t + (biases == "apart"), d)
        parts[torch.arange(t), torch.arange(t)] = done.embeddings[0]
        for layer in done.layers:
            parts = _through(layer, parts, biases)
    return parts


def _through(done: LayerTrace, parts: torch.Tensor, biases: Biases) -> torch.Tensor:
    layer = done.layer
    t, sources, d = parts.shape
    values = (parts @ layer.value[0].T).view(t, sources, layer.heads, d // layer.heads)
    mixed = values.new_zeros(values.shape)
    for head in range(layer.heads):
        mixed[:, :, head] = (done.attention[0, head] @ values[:, :, head].flatten(1)).view(t, sources, -1)
    # Rows of attention sum to 1, so the values' bias reaches every position whole.
    given = mixed.flatten(2) @ layer.out[0].T
    given = _with_bias(given, layer.out[0] @ layer.value[1] + layer.out[1], biases)
    middle = _norm(layer.norm1, done.deviation1[0], given + parts, biases)
    inner = _with_bias(middle @ layer.up[0].T, layer.up[1], biases) * done.slope[0][:, None]
    outer = _with_bias(inner @ layer.down[0].T, layer.down[1], biases)
    return _norm(layer.norm2, done.deviation2[0], outer + middle, biases)


def _norm(norm: Norm, deviation: torch.Tensor, parts: torch.Tensor, biases: Biases) -> torch.Tensor:
    centred = parts - parts.mean(-1, keepdim=True)
    return _with_bias(centred / deviation[:, None] * norm.gain, norm.shift, biases)


def _with_bias(parts: torch.Tensor, bias: torch.Tensor, biases: Biases) -> torch.Tensor:
    if biases == "apart":
        parts[:, -1] += bias
        return parts
    weights = (parts @ bias).abs()
    total = weights.sum(1, keepdim=True)
    even = weights.new_full(weights.shape, 1 / weights.shape[1])
    shares = (weights / total).where(total > 0, even)  # a bias at right angles to all parts: even shares
    return parts + shares[:, :, None] * bias
