"""A second view of a decoder that ends at one layer: same weights, own list of layers.

What a layer's queries and keys are differs by family: one projection or three, norms of each head,
parts of a head without rotation, frequencies that depend on the layer or on the length. None of it is
written down again here. The layer's own attention module runs, on a copy whose configuration names our
function where attention would begin, and hands that function its queries and keys with the rotary
embedding applied. Llama, Mistral, Qwen2, Qwen3, Phi, Phi3, Gemma, Gemma2 and Gemma3 are held against a
computation of their own in the tests.

Copies are shallow and made for each call: weights are shared, and no attribute of the shared model is set.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from ..models.store import ModelUnusable

__all__ = ["Reached", "Read", "decoder_of", "depends_on_length", "partial_view"]

_INTERFACE = "tersus_gemfilter"
Read = Callable[[torch.Tensor, torch.Tensor], None]
"""Takes a layer's queries [batch, heads, tokens, width] and keys [batch, key heads, tokens, width]."""


class Reached(Exception):
    """The last layer that was asked for has given its queries and keys: nothing after it is computed."""


def decoder_of(model: Any) -> Any:
    """The stack of layers within a causal model.

    Raises:
        ModelUnusable: it has none of the usual shape.
    """
    decoder = model.get_decoder() if hasattr(model, "get_decoder") else None
    layers = getattr(decoder, "layers", None)
    if decoder is None or not isinstance(layers, nn.ModuleList) or not hasattr(decoder, "rotary_emb"):
        raise _unusable(type(model).__name__, "it has no stack of layers with rotary attention")
    return decoder


def depends_on_length(decoder: Any) -> bool:
    """Whether the longest text of a batch changes what is computed for the others."""
    kinds = decoder.rotary_emb.rope_type
    kinds = set(kinds.values()) if isinstance(kinds, Mapping) else {kinds}
    return any("dynamic" in str(kind) or kind == "longrope" for kind in kinds)


def partial_view(decoder: Any, readers: Mapping[int, Read]) -> Any:
    """The decoder with all layers up to the last in ``readers``, each of which gets its layer's
    queries and keys. Running it raises :class:`Reached` at that last layer, before its attention.

    Raises:
        ModelUnusable: one of these layers has no attention.
    """
    view = _shallow(decoder)
    last = max(readers)
    layers = [
        _tapped(layer, readers[number], last=number == last) if number in readers else layer
        for number, layer in enumerate(decoder.layers[: last + 1])
    ]
    view.layers = nn.ModuleList(layers)
    # Some embeddings set their frequencies anew when a longer text comes.
    view.rotary_emb = copy.deepcopy(decoder.rotary_emb)
    return view


def _tapped(layer: nn.Module, read: Read, *, last: bool) -> Any:
    attention = getattr(layer, "self_attn", None)
    if attention is None or not hasattr(attention, "config"):
        raise _unusable(type(layer).__name__, "it has no attention")
    tapped, copied = _shallow(layer), _shallow(attention)
    copied.config = copy.copy(attention.config)
    copied.config._attn_implementation_internal = _INTERFACE
    copied.tersus_tap = (read, last, attention.config._attn_implementation)
    tapped.self_attn = copied
    return tapped


def _tap(module: Any, query: torch.Tensor, key: torch.Tensor, *given: Any, **options: Any) -> Any:
    read, last, own = module.tersus_tap
    read(query, key)
    if last:
        raise Reached
    plain: Any = getattr(sys.modules[type(module).__module__], "eager_attention_forward", None)
    return ALL_ATTENTION_FUNCTIONS.get_interface(own, plain)(module, query, key, *given, **options)


ALL_ATTENTION_FUNCTIONS.register(_INTERFACE, _tap)


def _shallow(module: Any) -> Any:
    """The same module with a table of submodules of its own: what is set on it stays there."""
    twin = copy.copy(module)
    twin.__dict__["_modules"] = dict(module._modules)
    return twin


def _unusable(name: str, why: str) -> ModelUnusable:
    return ModelUnusable(
        f"GemFilter cannot read {name}: {why}",
        hint="use a model of the Llama, Mistral, Qwen, Phi or Gemma families",
    )
