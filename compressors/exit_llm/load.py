"""The judge of a model's name, with or without an adapter; one a process."""

from __future__ import annotations

import hashlib
import os
import threading
from importlib import import_module
from typing import Any

from ...errors import NotInstalled
from ..models.causal import CausalModel, load_causal
from ..models.fingerprint import fingerprint_folder
from ..models.store import ModelUnusable, find_model, model_folder
from .judge import Judge

__all__ = ["adapter_fingerprint", "load_judge"]

_CONFIG = "adapter_config.json"
_judges: dict[tuple[str, str | None, str, str], Judge] = {}
_lock = threading.Lock()


def load_judge(
    model: str, adapter: str | None = None, device: str = "auto", precision: str = "auto"
) -> Judge:
    """The judge for a model, by alias, path or hub name; without an adapter it shares the process' weights.

    An adapter (PEFT, by path or hub name) is merged into a copy of the weights of its own.

    Raises:
        ModelMissing, ModelUnusable: model or adapter cannot be loaded, or do not belong together.
        NotInstalled: an adapter without the package peft.
        InvalidInput: an unknown device or number format.
    """
    key = (str(find_model(model)), adapter and str(find_model(adapter)), device, precision)
    with _lock:
        if key not in _judges:
            if adapter is None:
                _judges[key] = Judge(load_causal(model, device, precision))
            else:
                causal = CausalModel(model, device, precision)
                _judges[key] = Judge(causal, _adapted(causal, adapter))
        return _judges[key]


def adapter_fingerprint(adapter: str) -> str:
    """Twelve hexadecimal digits of the adapter's weights and settings."""
    folder = model_folder(adapter)
    try:
        settings = (folder / _CONFIG).read_bytes()
    except OSError as error:
        raise _no_adapter(adapter, "there is no " + _CONFIG) from error
    return hashlib.sha256(settings + fingerprint_folder(folder).encode()).hexdigest()[:12]


def _adapted(causal: CausalModel, adapter: str) -> Any:
    try:
        peft = import_module("peft")
    except ImportError as error:
        raise NotInstalled(
            f"an adapter needs the package peft: {error}", hint="pip install 'tersus[adapters]'"
        ) from error
    folder = model_folder(adapter)
    if not (folder / _CONFIG).is_file():
        raise _no_adapter(adapter, "there is no " + _CONFIG)
    try:
        adapted = peft.PeftModel.from_pretrained(causal.model, os.fspath(folder))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise _no_adapter(adapter, (str(error).strip().splitlines() or [type(error).__name__])[0]) from error
    # Merged, because two more products a layer would cost time on every token.
    return adapted.merge_and_unload().eval()


def _no_adapter(adapter: str, why: str) -> ModelUnusable:
    return ModelUnusable(
        f"{adapter} cannot be used as an adapter of this model: {why}",
        hint=f"it must hold {_CONFIG} and adapter_model.safetensors, made for the same model",
    )
