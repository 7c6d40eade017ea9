"""Which layer filters: a profile a model, shipped or written by ``tersus tune gemfilter``."""

from __future__ import annotations

import json
import logging
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ...errors import InvalidInput
from ..models.store import find_model, models_dir

__all__ = ["Profile", "model_key", "own_profiles", "profile_for", "write_profile"]

log = logging.getLogger(__name__)

SHIPPED = Path(__file__).parent / "profiles.toml"


@dataclass(frozen=True, slots=True)
class Profile:
    """``layer`` (from 0) of a model with ``layers`` layers, and over how many neighbours scores are averaged.

    ``match`` is a pattern for the last part of the model's name in lower case; ``source`` says in words where
    the choice comes from.
    """

    match: str
    layers: int
    layer: int
    kernel: int = 5
    source: str = ""


def profile_for(model: str, layers: int) -> Profile:
    """The profile of a model: one's own first (:func:`own_profiles`), then those shipped.

    Without one it is the middle layer, which is where the paper's lie (0.41 to 0.59 of all layers), and a
    warning names the command that finds a better one.

    Raises:
        ModelMissing: the model is not installed.
        InvalidInput: a file of profiles is damaged.
    """
    key = model_key(model)
    for path in (own_profiles(), SHIPPED):
        for profile in _read(path):
            if profile.layers == layers and fnmatchcase(key, profile.match):
                return profile
    log.warning("no profile names GemFilter's layer for %s; tersus tune gemfilter --model finds one", model)
    return Profile(key, layers, layers // 2, 5, "the middle layer, for want of a measurement")


def model_key(model: str) -> str:
    """The last part of a model's name or folder, in lower case."""
    found = find_model(model)
    return (found.resolve().name if isinstance(found, Path) else found.rsplit("/", 1)[-1]).lower()


def own_profiles() -> Path:
    """The file that ``tersus tune gemfilter`` writes: ``gemfilter.toml`` in the folder of models."""
    return models_dir() / "gemfilter.toml"


def write_profile(profile: Profile, path: Path | None = None) -> Path:
    """Put a profile into a file, in place of one for the same models; returns the file."""
    path = path or own_profiles()
    others = [p for p in _read(path) if (p.match, p.layers) != (profile.match, profile.layers)]
    blocks = [_toml(p) for p in [profile, *others]]
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text("\n".join(blocks), encoding="utf-8")
    fresh.replace(path)
    return path


def _read(path: Path) -> Iterator[Profile]:
    if not path.is_file():
        return
    try:
        for fields in tomllib.loads(path.read_text(encoding="utf-8"))["profile"]:
            yield _checked(Profile(**fields))
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"{path} holds no GemFilter profiles: {error}",
            hint="delete it, and run tersus tune gemfilter again",
        ) from error


def _checked(profile: Profile) -> Profile:
    numbers: tuple[Any, ...] = (profile.layers, profile.layer, profile.kernel)
    if not all(type(n) is int for n in numbers) or not isinstance(profile.match, str):
        raise TypeError(f"a profile has numbers and a name, not {profile}")
    if not 0 <= profile.layer < profile.layers or profile.kernel < 1 or profile.kernel % 2 == 0:
        raise ValueError(f"layer or kernel is out of range in {profile}")
    return profile


def _toml(profile: Profile) -> str:
    # JSON's strings and numbers are TOML's.
    return "[[profile]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in asdict(profile).items())
