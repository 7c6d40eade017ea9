"""GlobEnc: how much each token's vector is in each other's, layer by layer, rolled out over the encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .trace import LayerTrace, Trace

if TYPE_CHECKING:
    import torch

__all__ = ["globenc", "layer_norms", "rollout"]


def globenc(done: Trace) -> torch.Tensor:
    """Salience of each token for each other, [n, t, t], rows (what looks) summing to 1.

    GlobEnc (Modarressi et al., 2022): :func:`layer_norms` of every layer, rows normalised, rolled out. The
    residual connections are in the norms already, so that no identity is added.
    """
    return rollout([layer_norms(layer) for layer in done.layers])


def layer_norms(done: LayerTrace) -> torch.Tensor:
    """The norms of what each token j gives to each output i of a layer, [n, t, t] (the paper's N_ENC).

    ``|| g2_i( g1_i( sum_h a_hij (x_j V_h + b_h) O_h + [i = j] x_i ) ) ||``, where g1_i and g2_i are the
    layer norms with the deviations of the real vectors and without their shift; the
    feed-forward is in the second deviation alone.

    Both g's have the same matrix at every position, up to the deviations. So the norm is a quadratic form
    in the attention weights of i, with one small matrix for each j: t² · h² steps instead of t² · h · d.
    """
    import torch

    layer = done.layer
    n, t, d = done.given.shape
    width = d // layer.heads
    with torch.inference_mode():
        matrix = torch.eye(d, device=done.given.device)
        for norm in (layer.norm1, layer.norm2):
            matrix = (matrix - matrix.mean(-1, keepdim=True)) * norm.gain
        values = torch.nn.functional.linear(done.given, *layer.value).view(n, t, layer.heads, width)
        heads = layer.out[0].view(d, layer.heads, width)
        given = torch.einsum("nthw,dhw->nthd", values, heads) @ matrix
        forms = given @ given.transpose(2, 3)
        found = torch.stack(
            [_quadratic(form, weights) for form, weights in zip(forms, done.attention, strict=True)]
        )
        own = torch.einsum("nhtt,nthd->ntd", done.attention, given) + done.given @ matrix
        found.diagonal(dim1=1, dim2=2).copy_(own.norm(dim=-1))
        return found / (done.deviation1 * done.deviation2)


def _quadratic(forms: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """``sqrt(a_ij' F_j a_ij)`` [t, t] from F [t, h, h] and a [h, t, t]."""
    by_source = weights.permute(2, 1, 0)  # j, i, h
    squares = ((by_source @ forms) * by_source).sum(-1)
    return squares.clamp(min=0).sqrt().T


def rollout(maps: list[torch.Tensor]) -> torch.Tensor:
    """Rows normalised to 1, then multiplied from the last layer to the first (Abnar & Zuidema, 2020)."""
    import torch

    with torch.inference_mode():
        joint = _stochastic(maps[0])
        for found in maps[1:]:
            joint = _stochastic(found) @ joint
        return joint


def _stochastic(found: torch.Tensor) -> torch.Tensor:
    return found / found.sum(-1, keepdim=True).clamp(min=1e-30)
