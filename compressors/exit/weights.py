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
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from ..models.hugging_face import whole_transformers
from ..models.runtime import loading, pick_device
from ..models.store import ModelUnusable, model_folder
from .network import EvidenceHead, HeadShape
from .scorer import ExitModel
from .settings import SETTINGS, SHIPPED, TENSORS, ExitSettings, read_settings

__all__ = ["fast_in_bfloat16", "load_exit_model", "new_exit_model", "save_exit_model"]

_EMBEDDINGS = "embeddings."


def new_exit_model(
    encoder: str = "minilm", shape: HeadShape | None = None, *, dropout: float = 0.0
) -> ExitModel:
    """An untrained model over a sentence encoder, its word embeddings frozen; weights of pieces are 1.

    Raises:
        ModelMissing, ModelUnusable: the encoder cannot be loaded.
    """
    transformers = whole_transformers()
    folder = model_folder(encoder)
    with loading(folder, "an encoder"):
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
        config.attention_probs_dropout_prob, config.hidden_dropout_prob = 0.0, dropout
        network = transformers.AutoModel.from_pretrained(
            folder, config=config, dtype=torch.float32, local_files_only=True
        )
        network.pooler = None  # loaded only so that no weight of the folder is reported as left over
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
    save_file({k: v.detach().cpu().half().contiguous() for k, v in tensors.items()}, folder / TENSORS)
    (folder / TENSORS).chmod(0o644)  # the library writes it for its owner alone
    settings = {
        "encoder": encoder,
        "embeddings": _digest(model.encoder),
        "head": model.head.shape.to_dict(),
        "threshold": threshold,
        "trained": trained,
    }
    (folder / SETTINGS).write_text(json.dumps(settings, indent=2) + "\n")


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
    model = new_exit_model(settings.encoder, _shape(folder, settings))
    if _digest(model.encoder) != settings.embeddings:
        raise ModelUnusable(
            f"the encoder {settings.encoder!r} is not the one that {folder} was trained on",
            hint="install the encoder that exit.json names, unchanged, or train again: tersus train exit",
        )
    try:
        tensors = {name: tensor.float() for name, tensor in load_file(folder / TENSORS).items()}
        model.weights = tensors.pop("pieces").numpy()
        embeddings = {k: v for k, v in model.encoder.state_dict().items() if k.startswith(_EMBEDDINGS)}
        model.encoder.load_state_dict(_part(tensors, "encoder.") | embeddings)
        model.head.load_state_dict(_part(tensors, "head."))
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        raise ModelUnusable(
            f"{folder / TENSORS} cannot be used: {error}", hint="install Tersus again"
        ) from error
    target = pick_device(device)
    model.encoder.to(target, dtype=_format(precision, target)).eval()
    model.head.to(target).eval()
    model.batch_tokens = 65536 if target.type == "cuda" else 2048
    return model


def _shape(folder: Path, settings: ExitSettings) -> HeadShape:
    try:
        return HeadShape(**settings.head)
    except TypeError as error:
        raise ModelUnusable(
            f"{folder / SETTINGS} describes no head: {error}", hint="install Tersus again"
        ) from error


def fast_in_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16, and does not only convert."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return device.type == "cpu" and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _format(precision: str, device: torch.device) -> torch.dtype:
    from ..models.runtime import pick_dtype

    if precision == "auto" and device.type == "cpu" and fast_in_bfloat16(device):
        return torch.bfloat16
    return pick_dtype(precision, device, on_cuda="float16")


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _digest(encoder: Any) -> str:
    words = encoder.embeddings.word_embeddings.weight.detach().float().cpu().numpy()
    return hashlib.sha256(words.tobytes()).hexdigest()[:16]
