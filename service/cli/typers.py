"""Typer with this command line's habits: no type shown beside a flag, help in Markdown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

__all__ = ["QuietCommand", "QuietGroup", "QuietTyper"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _without_flag_types(parameters: list[Any]) -> list[Any]:
    # Beside --json, "<bool>" would read as if a value had to follow.
    for parameter in parameters:
        if getattr(parameter, "is_flag", False) or getattr(parameter, "count", False):
            parameter.metavar = ""
    return parameters


class QuietCommand(TyperCommand):
    """A command whose help shows flags without a type."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Parameters, the help option included."""
        return _without_flag_types(super().get_params(ctx))


class QuietGroup(TyperGroup):
    """A group of commands whose help shows flags without a type."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Parameters, the help option included."""
        return _without_flag_types(super().get_params(ctx))


class QuietTyper(typer.Typer):
    """Makes such commands and groups."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"cls": QuietGroup, "rich_markup_mode": "markdown", **options})

    def command(self, name: str | None = None, **options: Any) -> Callable[[_Function], _Function]:
        """As ``typer.Typer.command``."""
        return super().command(name, **{"cls": QuietCommand, **options})
