"""GemFilter's scores once more, from the full model: what its projections gave, rotated and multiplied here.

Nothing of Tersus and none of transformers' rotary code is used: projections are read by hooks while
the whole model runs, frequencies come from the formulas.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch


def frequencies(config: Any, layer: int, tokens: int) -> tuple[torch.Tensor, float]:
    """Angle a position of each pair of a head, and by what the rotated values are multiplied."""
    rope = config.rope_parameters
    if "rope_theta" not in rope:
        rope = rope[config.layer_types[layer]]
    heads = config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    width = int(width * (rope.get("partial_rotary_factor") or 1.0))
    plain = torch.tensor([rope["rope_theta"] ** (-2 * i / width) for i in range(width // 2)]).double()
    kind = rope["rope_type"]
    if kind == "default":
        return plain, 1.0
    trained = rope["original_max_position_embeddings"]
    if kind == "longrope":
        factors = rope["long_factor"] if tokens > trained else rope["short_factor"]
        scale = config.max_position_embeddings / trained
        return plain / torch.tensor(factors), math.sqrt(1 + math.log(scale) / math.log(trained))
    assert kind == "llama3"
    low, high, factor = rope["low_freq_factor"], rope["high_freq_factor"], rope["factor"]
    out = []
    for angle in plain.tolist():
        turns = trained * angle / (2 * math.pi)  # within the length trained on
        share = min(max((turns - low) / (high - low), 0.0), 1.0)
        out.append(share * angle + (1 - share) * angle / factor)
    return torch.tensor(out).double(), 1.0


def rotated(heads: torch.Tensor, angles: torch.Tensor, scale: float) -> torch.Tensor:
    """[tokens, heads, width]: the first half of the rotated part turns with its second half."""
    half = len(angles)
    out = heads.clone()
    for position in range(heads.shape[0]):
        cos, sin = torch.cos(position * angles), torch.sin(position * angles)
        first, second = heads[position, :, :half], heads[position, :, half : 2 * half]
        out[position, :, :half] = (first * cos - second * sin) * scale
        out[position, :, half : 2 * half] = (second * cos + first * sin) * scale
    return out


def scores(model: Any, ids: Sequence[int], layer: int) -> list[float]:
    """Summed over heads, for every token, the product of its key with the last token's query."""
    config = model.config.get_text_config()
    attention = model.model.layers[layer].self_attn
    queries = config.num_attention_heads
    keys = config.num_key_value_heads
    seen: dict[str, torch.Tensor] = {}
    hooks = []
    for name in ("q_proj", "k_proj", "qkv_proj", "q_norm", "k_norm"):
        if (module := getattr(attention, name, None)) is not None:
            hooks.append(
                module.register_forward_hook(
                    lambda _, __, out, name=name: seen.__setitem__(name, out.detach().double())
                )
            )
    try:
        with torch.no_grad():
            model(input_ids=torch.tensor([list(ids)]))
    finally:
        for hook in hooks:
            hook.remove()
    if "qkv_proj" in seen:
        width = seen["qkv_proj"].shape[-1] // (queries + 2 * keys)
        both = seen["qkv_proj"][0, :, : (queries + keys) * width].reshape(len(ids), queries + keys, width)
        query, key = both[:, :queries], both[:, queries:]
    else:
        width = seen["q_proj"].shape[-1] // queries
        query, key = (
            seen[name][0].reshape(len(ids), count, width)
            for name, count in (("q_proj", queries), ("k_proj", keys))
        )
        if "q_norm" in seen:  # heads before or behind the tokens, as the family has it
            query, key = (
                seen[name][0] if seen[name].shape[1] == len(ids) else seen[name][0].transpose(0, 1)
                for name in ("q_norm", "k_norm")
            )
    angles, scale = frequencies(config, layer, len(ids))
    query, key = rotated(query, angles, scale), rotated(key, angles, scale)
    group = queries // keys
    return [
        sum(float(query[-1, head] @ key[at, head // group]) for head in range(queries))
        for at in range(len(ids))
    ]


def pooled(values: Sequence[float], kernel: int) -> list[float]:
    """The average over ``kernel`` neighbours; beyond the ends there are zeros."""
    half = kernel // 2
    return [sum(values[max(0, at - half) : at + half + 1]) / kernel for at in range(len(values))]


def best(values: Sequence[float], k: int) -> list[int]:
    """Positions of the ``k`` highest, in order."""
    return sorted(sorted(range(len(values)), key=lambda at: -values[at])[:k])
