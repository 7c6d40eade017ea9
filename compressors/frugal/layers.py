"""The parts of a BERT- or RoBERTa-type encoder, as the attribution methods need them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..models.store import ModelUnusable

if TYPE_CHECKING:
    import torch

__all__ = ["EncoderLayer", "Norm", "layers_of"]


@dataclass(frozen=True, slots=True)
class Norm:
    """A layer norm: ``gain`` and ``shift`` [d], ``eps`` beside the variance."""

    gain: torch.Tensor
    shift: torch.Tensor
    eps: float

    @classmethod
    def of(cls, module: Any) -> Norm:
        """From a ``torch.nn.LayerNorm``."""
        return cls(module.weight.float(), module.bias.float(), float(module.eps))


@dataclass(frozen=True, slots=True)
class EncoderLayer:
    """One post-norm layer: float32 weights ``[out, in]`` and biases ``[out]``, as ``torch.nn.Linear`` has."""

    heads: int
    query: tuple[torch.Tensor, torch.Tensor]
    key: tuple[torch.Tensor, torch.Tensor]
    value: tuple[torch.Tensor, torch.Tensor]
    out: tuple[torch.Tensor, torch.Tensor]
    norm1: Norm
    up: tuple[torch.Tensor, torch.Tensor]
    activation: Any
    down: tuple[torch.Tensor, torch.Tensor]
    norm2: Norm


def layers_of(model: Any) -> list[EncoderLayer]:
    """The layers of a transformers encoder, first to last.

    Raises:
        ModelUnusable: it is not built like BERT or RoBERTa, or its activation is not 0 at 0, so that its
            value has no slope from the origin.
    """
    import torch

    try:
        layers = [_layer(module) for module in model.encoder.layer]
    except AttributeError as error:
        raise ModelUnusable(
            f"the layers of {type(model).__name__} are not those of a BERT- or RoBERTa-type encoder: {error}",
            hint="use a model of the bert, roberta, xlm-roberta or camembert type",
        ) from error
    for layer in layers:
        if float(layer.activation(torch.zeros(1))) != 0.0:
            raise ModelUnusable("DecompX needs an activation that is 0 at 0, as GELU and ReLU are")
    return layers


def _layer(module: Any) -> EncoderLayer:
    attention = module.attention
    inner = attention.self
    return EncoderLayer(
        int(inner.num_attention_heads),
        _linear(inner.query),
        _linear(inner.key),
        _linear(inner.value),
        _linear(attention.output.dense),
        Norm.of(attention.output.LayerNorm),
        _linear(module.intermediate.dense),
        module.intermediate.intermediate_act_fn,
        _linear(module.output.dense),
        Norm.of(module.output.LayerNorm),
    )


def _linear(module: Any) -> tuple[torch.Tensor, torch.Tensor]:
    return module.weight.float(), module.bias.float()
