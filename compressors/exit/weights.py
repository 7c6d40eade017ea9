"""The trained weights: where they lie, how they are written and read.

A folder holds ``exit.safetensors`` (float16: the encoder's layers, the head, the pieces' weights) and
``exit.json``. The encoder's word embeddings are not trained and not shipped: they are read from the
encoder that ``exit.json`` names, and refused where they are not those of the training.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel

from ..models.runtime import loading, pick_device
from ..models.store import ModelUnusable, model_folder
from .network import EvidenceHead, HeadShape
from .scorer import ExitModel

__all__ = ["SHIPPED", "ExitSettings", "load_exit_model", "new_exit_model", "read_settings", "save_exit_model"]

SHIPPED = Path(__file__).parent / "weights"
_TENSORS, _SETTINGS = "exit.safetensors", "exit.json"
_EMBEDDINGS = "embeddings."


@dataclass(frozen=True, slots=True)
class ExitSettings:
    """What ``exit.json`` says. ``threshold``: the probability from which the adaptive budget keeps."""

    encoder: str
    embeddings: str
    head: HeadShape
    threshold: float
    trained: str


def new_exit_model(
    encoder: str = "minilm", shape: HeadShape | None = None, *, dropout: float = 0.0
) -> ExitModel:
    """An untrained model over a sentence encoder, its word embeddings frozen; weights of pieces are 1.

    Raises:
        ModelMissing, ModelUnusable: the encoder cannot be loaded.
    """
    folder = model_folder(encoder)
    with loading(folder, "an encoder"):
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        config.attention_probs_dropout_prob, config.hidden_dropout_prob = 0.0, dropout
        network = AutoModel.from_pretrained(
            folder, config=config, dtype=torch.float32, local_files_only=True, add_pooling_layer=False
        )
    for parameter in network.embeddings.parameters():
        parameter.requires_grad = False
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    head = EvidenceHead(shape or HeadShape(states=config.hidden_size))
    return ExitModel(tokenizer, network, head, np.ones(config.vocab_size, np.float32))


def save_exit_model(model: ExitModel, folder: Path, *, encoder: str, threshold: float, trained: str) -> None:
    """Write both files; ``trained`` is the recipe's short name and date."""
    folder.mkdir(parents=True, exist_ok=True)
    layers = {
        f"encoder.{k}": v for k, v in model.encoder.state_dict().items() if not k.startswith(_EMBEDDINGS)
    }
    tensors = layers | {f"head.{k}": v for k, v in model.head.state_dict().items()}
    tensors["pieces"] = torch.from_numpy(model.weights)
    save_file({k: v.detach().cpu().half().contiguous() for k, v in tensors.items()}, folder / _TENSORS)
    settings = {
        "encoder": encoder,
        "embeddings": _digest(model.encoder),
        "head": model.head.shape.to_dict(),
        "threshold": threshold,
        "trained": trained,
    }
    (folder / _SETTINGS).write_text(json.dumps(settings, indent=2) + "\n")


def read_settings(folder: Path) -> ExitSettings:
    """The settings of a folder; raises ModelUnusable where it is no folder of ``exit`` weights."""
    try:
        raw: dict[str, Any] = json.loads((folder / _SETTINGS).read_text())
        return ExitSettings(**{**raw, "head": HeadShape(**raw["head"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelUnusable(
            f"{folder} holds no weights of exit: {error}",
            hint=f"a folder with {_TENSORS} and {_SETTINGS}, as `tersus train exit` writes it",
        ) from error


_models: dict[tuple[str, str, str], ExitModel] = {}
_lock = threading.Lock()


def load_exit_model(
    folder: str | os.PathLike[str] = SHIPPED, device: str = "auto", precision: str = "auto"
) -> ExitModel:
    """The process' one model of these weights, device and number format.

    ``precision``: "float32", "float16", "bfloat16", or "auto": float16 on CUDA; bfloat16 on processors that
    compute in it (2.7 times as fast as float32 where we measured); else float32.

    Raises:
        ModelMissing, ModelUnusable: weights or encoder cannot be loaded, or do not belong together.
        InvalidInput: an unknown device or number format.
    """
    key = (os.fspath(folder), device, precision)
    with _lock:
        if key not in _models:
            _models[key] = _load(Path(folder), device, precision)
        return _models[key]


def _load(folder: Path, device: str, precision: str) -> ExitModel:
    settings = read_settings(folder)
    model = new_exit_model(settings.encoder, settings.head)
    if _digest(model.encoder) != settings.embeddings:
        raise ModelUnusable(
            f"the encoder {settings.encoder!r} is not the one that {folder} was trained on",
            hint="install the encoder that exit.json names, unchanged, or train again: tersus train exit",
        )
    try:
        tensors = {name: tensor.float() for name, tensor in load_file(folder / _TENSORS).items()}
        model.weights = tensors.pop("pieces").numpy()
        embeddings = {k: v for k, v in model.encoder.state_dict().items() if k.startswith(_EMBEDDINGS)}
        model.encoder.load_state_dict(_part(tensors, "encoder.") | embeddings)
        model.head.load_state_dict(_part(tensors, "head."))
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        raise ModelUnusable(
            f"{folder / _TENSORS} cannot be used: {error}", hint="install Tersus again"
        ) from error
    target = pick_device(device)
    model.encoder.to(target, dtype=_format(precision, target)).eval()
    model.head.to(target).eval()
    model.batch_tokens = 65536 if target.type == "cuda" else 2048
    return model


def _format(precision: str, device: torch.device) -> torch.dtype:
    from ..models.runtime import pick_dtype

    if precision == "auto" and device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return torch.bfloat16
    return pick_dtype(precision, device, on_cuda="float16")


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _digest(encoder: Any) -> str:
    words = encoder.embeddings.word_embeddings.weight.detach().float().cpu().numpy()
    return hashlib.sha256(words.tobytes()).hexdigest()[:16]
