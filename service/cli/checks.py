"""The doctor's checks: the environment first, then what the settings name. None stops another."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import typer

from ...errors import TersusError
from .check import Check

if TYPE_CHECKING:
    from ...rag import Settings

__all__ = ["run_checks"]

_PACKAGES = {  # distribution: module that must be importable
    "torch": "torch",
    "transformers": "transformers",
    "llama-index-core": "llama_index.core",
    "sqlalchemy": "sqlalchemy",
}


def run_checks(ctx: typer.Context) -> list[Check]:
    """All checks, in the order in which a person would look."""
    from . import checks_data as data
    from . import checks_faiss
    from .common import settings_of

    checks = [*_guarded("tersus", _versions), *_guarded("devices", _devices)]
    settings: Settings | None = None
    try:
        settings = settings_of(ctx)
    except TersusError as error:
        checks.append(Check("configuration", False, error.message, error.hint))
    else:
        checks += _guarded("configuration", data.configuration)
    chosen = settings
    checks += _guarded("faiss", lambda: checks_faiss.wheels(chosen))
    checks += _guarded("models", lambda: data.models(chosen))
    if settings is None:
        return checks
    known = settings
    checks += _guarded("language model", lambda: data.language_model(known))
    checks += _guarded("data folder", lambda: data.data_folder(known))
    database = _guarded("database", lambda: data.database(known))
    checks += database
    if all(check.ok for check in database):
        checks += _guarded("collections", lambda: data.collections(known))
    return checks


def _guarded(name: str, check: Callable[[], Iterable[Check]]) -> list[Check]:
    """The check's lines; whatever it raises becomes a line, too."""
    try:
        return list(check())
    except TersusError as error:
        return [Check(name, False, error.message, error.hint)]
    except Exception as error:  # noqa: BLE001 - a diagnosis has to survive what it diagnoses
        return [Check(name, False, f"{type(error).__name__}: {error}", "tersus --verbose doctor")]


def _versions() -> Iterable[Check]:
    yield Check("tersus", True, version("tersus"))
    yield Check("python", True, f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    for package, module in _PACKAGES.items():
        try:
            import_module(module)
        except Exception as error:  # noqa: BLE001 - broken binary packages raise whatever they like
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            yield Check(
                package, False, f"cannot be imported: {reason}", f"pip install --force-reinstall {package}"
            )
            continue
        try:
            yield Check(package, True, version(package))
        except PackageNotFoundError:  # another build of the same module
            yield Check(package, True, str(getattr(import_module(module), "__version__", "unknown version")))


def _devices() -> Iterable[Check]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Check("processor", True, f"{cores} cores")
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    cards = [torch.cuda.get_device_name(number) for number in range(count)]
    yield Check("cuda", True, ", ".join(cards) or "none: models run on the processor")
