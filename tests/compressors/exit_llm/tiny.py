"""Tiny random models with tokenizers of their own, saved as any model is: nothing here needs real weights."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    BloomConfig,
    Gemma2Config,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
)
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

SPECIAL = ["<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"]
GEMMA = (
    "{{ bos_token }}{% for m in messages %}<start_of_turn>{{ m['role'] }}\n{{ m['content'] | trim }}"
    "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
# Without the answers themselves: whether they are tokens is up to each test.
_CORPUS = [
    "Query:\nWho wrote it?\nFull context:\nThe title\nThe tower is old. The name is long.\nSentence:\n"
    "The tower is old.\nIs this sentence useful in answering the query? Answer only or .\n",
    "Query:\nWhen?\nFull context:\nIt was built in 1887. It is white?\nSentence:\nIt is white?\nIs this",
] * 20


@cache
def tokenizer(*, words: bool = True, answers: tuple[str, ...] = ("Yes", "No")) -> Tokenizer:
    """Byte-level BPE. ``words=False`` joins what it likes, line ends and words too: ".\\nSentence"."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=words)
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(
        _CORPUS,
        trainers.BpeTrainer(
            vocab_size=420,
            special_tokens=SPECIAL,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
            max_token_length=12,
        ),
    )
    made.add_tokens(list(answers))
    return made


def fast(template: str | None = GEMMA, **options: Any) -> PreTrainedTokenizerFast:
    """As transformers has it."""
    made = Tokenizer.from_str(tokenizer(**options).to_str())  # a copy: settings are state
    ends = {"bos_token": "<bos>", "eos_token": "<eos>"}
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=made, chat_template=template, **ends
    )


_SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
_SHAPES: dict[str, Any] = {
    "llama": lambda **o: LlamaConfig(**_SMALL, num_key_value_heads=1, **o),
    "gpt2": lambda vocab_size, max_position_embeddings, **o: GPT2Config(
        n_embd=32, n_layer=2, n_head=2, n_positions=max_position_embeddings, vocab_size=vocab_size, **o
    ),
    "mistral": lambda **o: MistralConfig(**_SMALL, num_key_value_heads=1, sliding_window=64, **o),
    "qwen2": lambda **o: Qwen2Config(
        **_SMALL,
        num_key_value_heads=2,
        use_sliding_window=True,
        sliding_window=64,
        layer_types=["full_attention", "sliding_attention"],
        **o,
    ),
    # Alternating windows, and logits capped after the head.
    "gemma2": lambda **o: Gemma2Config(
        **_SMALL, num_key_value_heads=1, head_dim=16, query_pre_attn_scalar=16, sliding_window=64, **o
    ),
    # Distances instead of positions: cannot share.
    "bloom": lambda max_position_embeddings, **o: BloomConfig(hidden_size=32, n_layer=2, n_head=2, **o),
}
FAMILIES = [name for name in _SHAPES if name != "bloom"]


@cache
def folder() -> Path:
    """One tiny Llama a process, for tests that run every compressor: the ``model`` of ``exit-llm``."""
    return save(Path(_place().name), window=700)


@cache
def _place() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="tersus-tiny-")  # goes with the process


def save(folder: Path, family: str = "llama", *, window: int = 2048, **options: Any) -> Path:
    """A model folder. Weights are large enough that answers differ from sentence to sentence."""
    tokens = fast(**options)
    config = _SHAPES[family](
        vocab_size=len(tokens), max_position_embeddings=window, bos_token_id=0, eos_token_id=1, pad_token_id=1
    )
    if family == "bloom":
        config.max_position_embeddings = window
    torch.manual_seed(3)
    model = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.25)
    model.save_pretrained(folder)
    tokens.save_pretrained(folder)
    return folder
