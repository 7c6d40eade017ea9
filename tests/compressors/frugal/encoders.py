"""Encoders to attribute: MiniLM and small random ones, with plain computations beside them."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch
from tersus.compressors.models.encoder import load_encoder
from tersus.compressors.models.store import find_model
from transformers import AutoTokenizer, BertConfig, BertModel, RobertaConfig, RobertaModel

NAMES = ("minilm", "bert", "roberta", "relu")
IDS = [2, 17, 44, 9, 17, 63, 70, 3]


def encoder(name: str) -> Any:
    """A transformers encoder in evaluation mode; the random ones have weights far from their usual size."""
    if name == "minilm":
        return load_encoder("minilm").model
    torch.manual_seed(7)
    sizes: dict[str, Any] = {
        "vocab_size": 80,
        "hidden_size": 24,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "intermediate_size": 40,
        "max_position_embeddings": 140,
        "hidden_act": "relu" if name == "relu" else "gelu",
    }
    model: Any = RobertaModel(RobertaConfig(**sizes)) if name == "roberta" else BertModel(BertConfig(**sizes))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.15)
    return model.eval()


def real_output(model: Any, ids: list[int]) -> torch.Tensor:
    """What transformers itself computes, [t, d]."""
    with torch.inference_mode():
        output: torch.Tensor = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
    return output


@cache
def folder() -> Path:
    """A random BERT of two small layers with MiniLM's tokenizer, as a folder to load."""
    torch.manual_seed(3)
    into = Path(tempfile.mkdtemp(prefix="tersus-tiny-bert-"))
    atexit.register(shutil.rmtree, into, ignore_errors=True)
    AutoTokenizer.from_pretrained(find_model("minilm")).save_pretrained(into)
    config = BertConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, vocab_size=30522
    )
    BertModel(config).save_pretrained(into)
    return into
