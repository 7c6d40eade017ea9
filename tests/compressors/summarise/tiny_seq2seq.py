"""Tiny random T5 and BART models with a tokenizer of their own, saved as any model is."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

Family = Literal["t5", "bart"]
WINDOW = 64
_CORPUS = ["The hotel staff was kind to all guests and breakfast is served until ten. summarize: "] * 5


def _tokenizer() -> PreTrainedTokenizerFast:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(
        _CORPUS,
        trainers.BpeTrainer(
            vocab_size=330,
            special_tokens=["<pad>", "</s>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=made, model_max_length=WINDOW, **{"pad_token": "<pad>", "eos_token": "</s>"}
    )


@cache
def _places() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="tersus-tiny-")  # goes with the process


@cache
def folder(family: Family) -> Path:
    """Where the model lies; one a process."""
    tokenizer = _tokenizer()
    torch.manual_seed(3)
    shared: dict[str, Any] = {"vocab_size": len(tokenizer), "pad_token_id": 0, "eos_token_id": 1}
    if family == "t5":
        config: Any = T5Config(d_model=32, d_ff=48, d_kv=8, num_heads=4, num_layers=2, **shared)
        config.decoder_start_token_id = 0
        config.task_specific_params = {"summarization": {"prefix": "summarize: "}}
        model: Any = T5ForConditionalGeneration(config)
    else:
        config = BartConfig(
            d_model=32,
            encoder_layers=2,
            decoder_layers=2,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            encoder_ffn_dim=48,
            decoder_ffn_dim=48,
            max_position_embeddings=WINDOW,
            bos_token_id=1,
            decoder_start_token_id=1,
            forced_eos_token_id=None,
            **shared,
        )
        model = BartForConditionalGeneration(config)
        model.generation_config.min_length = 9
        model.generation_config.max_length = 12
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
        if family == "bart":
            model.final_logits_bias[0, 1] = 7.1  # so that some answers end
    place = Path(_places().name) / family
    model.eval().save_pretrained(place)
    tokenizer.save_pretrained(place)
    return place
