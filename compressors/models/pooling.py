"""How a sentence encoder turns token vectors into one: read from the model's own files.

The files are those that sentence-transformers writes beside a model:
``modules.json``, ``1_Pooling/config.json``, ``sentence_bert_config.json`` and
``config_sentence_transformers.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .store import ModelUnusable

if TYPE_CHECKING:
    import torch

__all__ = ["SentenceSettings", "pool", "read_settings"]

# The flags of a pooling configuration, and the names newer ones use in "pooling_mode".
_FLAGS = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_lasttoken": "lasttoken",
}
_KNOWN_MODULES = {"Transformer", "Pooling", "Normalize"}


@dataclass(frozen=True)
class SentenceSettings:
    """What a folder says of its encoder; ``max_length`` in tokens, None where it sets no limit of its own."""

    pooling: str = "mean"
    max_length: int | None = None
    lower_case: bool = False
    prompts: Mapping[str, str] = field(default_factory=dict)


def read_settings(folder: Path) -> SentenceSettings:
    """Read the settings in ``folder``; without such files: mean pooling, no limit, no prompts.

    Raises:
        ModelUnusable: a pooling or a further layer that is not implemented here, so vectors would be wrong.
    """
    for module in _read(folder / "modules.json") or []:
        kind = str(module.get("type", "")).rsplit(".", 1)[-1]
        if kind not in _KNOWN_MODULES:
            raise ModelUnusable(
                f"{folder} has a layer {kind!r} after its encoder, which is not supported",
                hint="take a model of encoder, pooling and normalisation alone",
            )
    transformer = _read(folder / "sentence_bert_config.json") or {}
    prompts = (_read(folder / "config_sentence_transformers.json") or {}).get("prompts") or {}
    return SentenceSettings(
        pooling=_pooling(_read(folder / "1_Pooling" / "config.json"), folder),
        max_length=transformer.get("max_seq_length"),
        lower_case=bool(transformer.get("do_lower_case")),
        prompts={str(name): str(text) for name, text in prompts.items()},
    )


def pool(states: torch.Tensor, mask: torch.Tensor, how: str) -> torch.Tensor:
    """One L2-normalised float32 vector a text, [n, d], from token states [n, t, d].

    ``mask`` [n, t] is 1 where there is a token; padding stands on the right.
    """
    import torch

    states = states.float()
    if how == "mean":
        weights = mask.unsqueeze(-1).to(states.dtype)
        pooled = (states * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
    else:
        last = mask.sum(1) - 1
        at = torch.zeros_like(last) if how == "cls" else last
        pooled = states[torch.arange(states.shape[0], device=states.device), at]
    return torch.nn.functional.normalize(pooled, dim=-1)


def _pooling(config: dict[str, Any] | None, folder: Path) -> str:
    if config is None:
        return "mean"
    on = [flag for flag, value in config.items() if flag.startswith("pooling_mode_") and value is True]
    named = config.get("pooling_mode")
    modes = [str(named)] if named else [_FLAGS.get(flag, flag) for flag in on]
    if len(modes) == 1 and modes[0] in _FLAGS.values():
        return modes[0]
    raise ModelUnusable(
        f"{folder} pools its tokens by {' and '.join(modes) or 'nothing'}, which is not supported",
        hint=f"take a model that pools by one of {sorted(_FLAGS.values())}",
    )


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ModelUnusable(f"{file} is not JSON", hint="fetch the model again") from error
