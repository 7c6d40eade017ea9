"""Random models of every family that GemFilter names, small, with grouped-query attention and a tokenizer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import (
    Gemma2Config,
    Gemma3TextConfig,
    GemmaConfig,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    PhiConfig,
    Qwen2Config,
    Qwen3Config,
)
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from ..exit_llm.tiny import fast

LAYERS = 4
HEADS, KEY_HEADS, WIDTH = 4, 2, 8
_SMALL: dict[str, Any] = {
    "hidden_size": HEADS * WIDTH,
    "intermediate_size": 48,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KEY_HEADS,
}
LONG = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "short_factor": [1.0, 1.1, 1.2, 1.3],
    "long_factor": [1.0, 2.0, 4.0, 8.0],
    "original_max_position_embeddings": 64,
}
HALF = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
CONFIGS: dict[str, Callable[..., Any]] = {
    "llama": lambda **o: LlamaConfig(**_SMALL, **o),
    "llama3.1": lambda **o: LlamaConfig(**_SMALL, rope_parameters=LLAMA3, **o),
    "mistral": lambda **o: MistralConfig(**_SMALL, head_dim=WIDTH, sliding_window=24, **o),
    "qwen2": lambda **o: Qwen2Config(**_SMALL, **o),
    "qwen3": lambda **o: Qwen3Config(**_SMALL, head_dim=WIDTH, **o),
    "phi": lambda **o: PhiConfig(**_SMALL, rope_parameters=HALF, **o),
    "phi3": lambda **o: Phi3Config(**_SMALL, **o),
    "phi3.5": lambda **o: Phi3Config(
        **_SMALL, rope_parameters=LONG, original_max_position_embeddings=64, **o
    ),
    "gemma": lambda **o: GemmaConfig(**_SMALL, head_dim=WIDTH, **o),
    "gemma2": lambda **o: Gemma2Config(
        **_SMALL, head_dim=WIDTH, query_pre_attn_scalar=WIDTH, sliding_window=24, **o
    ),
    "gemma3": lambda **o: Gemma3TextConfig(
        **_SMALL,
        head_dim=WIDTH,
        query_pre_attn_scalar=WIDTH,
        sliding_window=24,
        layer_types=["sliding_attention", "full_attention"] * 2,
        **o,
    ),
}


def save(folder: Path, family: str = "llama", *, window: int = 512, **options: Any) -> Path:
    """A model folder, its tokenizer byte-level. Weights are large, so that every layer changes much."""
    tokens = fast(**options)
    config = CONFIGS[family](
        vocab_size=len(tokens), max_position_embeddings=window, bos_token_id=0, eos_token_id=1, pad_token_id=1
    )
    torch.manual_seed(7)
    model = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=float(parameter.ndim == 1), std=0.25)
    model.save_pretrained(folder)
    tokens.save_pretrained(folder)
    return folder
