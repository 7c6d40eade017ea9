"""The middleware: corpus, pipeline, ledger, language models. Names load at first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app import Tersus
    from .pipeline import Pipeline
    from .results import QueryResult
    from .settings import Settings, load_settings

__all__ = ["Pipeline", "QueryResult", "Settings", "Tersus", "load_settings"]

_HOME = {
    "Pipeline": "pipeline",
    "QueryResult": "results",
    "Settings": "settings",
    "Tersus": "app",
    "load_settings": "settings",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
