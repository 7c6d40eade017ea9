"""What lies beside the trained weights: ``exit.json`` and ``calibrations.json``. Needs no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import InvalidInput
from ..budget import Calibration
from ..calibration_json import read_calibration
from ..models.store import ModelUnusable

__all__ = [
    "CALIBRATIONS",
    "SETTINGS",
    "SHIPPED",
    "TENSORS",
    "ExitSettings",
    "read_calibrations",
    "read_settings",
    "set_threshold",
]

SHIPPED = Path(__file__).parent / "shipped"
TENSORS, SETTINGS = "exit.safetensors", "exit.json"
CALIBRATIONS = "calibrations.json"
"""Written where a choice was made on labelled questions; nothing but budgets of risk needs it."""


@dataclass(frozen=True, slots=True)
class ExitSettings:
    """What ``exit.json`` says.

    ``embeddings``: digest of the encoder's word embeddings; ``head``: sizes of the head; ``threshold``: the
    probability from which the adaptive budget keeps a sentence; ``trained``: recipe and date, for people.
    """

    encoder: str
    embeddings: str
    head: Mapping[str, Any]
    threshold: float
    trained: str


def read_settings(folder: Path) -> ExitSettings:
    """The settings of a folder; raises ModelUnusable where it is no folder of ``exit`` weights."""
    try:
        raw = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        return ExitSettings(
            str(raw["encoder"]),
            str(raw["embeddings"]),
            dict(raw["head"]),
            float(raw["threshold"]),
            str(raw["trained"]),
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelUnusable(
            f"{folder} holds no weights of exit: {type(error).__name__}: {error}",
            hint=f"a folder with {TENSORS} and {SETTINGS}, as `tersus train exit` writes it",
        ) from error


def set_threshold(folder: Path, threshold: float) -> None:
    """Write another adaptive threshold; the scores, and so the fingerprint, stay. Raises ModelUnusable."""
    read_settings(folder)
    path = folder / SETTINGS
    path.write_text(json.dumps(json.loads(path.read_text()) | {"threshold": threshold}, indent=2) + "\n")


def read_calibrations(folder: Path) -> list[Calibration]:
    """The calibrations that lie beside the weights; none where the file is absent.

    Raises:
        ModelUnusable: the file is damaged.
    """
    path = folder / CALIBRATIONS
    try:
        return [read_calibration(one) for one in json.loads(path.read_text(encoding="utf-8"))["calibrations"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError, InvalidInput) as error:
        raise ModelUnusable(f"{path} cannot be read: {error}", hint="install Tersus again") from error
