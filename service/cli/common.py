"""What every command shares: global options, the options ``--json`` and budgets, opening Tersus."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from ...errors import InvalidInput

if TYPE_CHECKING:
    from ...compressors import Budget
    from ...rag import Settings, Tersus

__all__ = [
    "CollectionName",
    "CompressorName",
    "Json",
    "MaxTokens",
    "Ratio",
    "State",
    "UsageProblem",
    "budget_from",
    "open_tersus",
    "settings_of",
    "state_of",
]


class UsageProblem(InvalidInput):
    """The command line contradicts itself; exit status 2, as for options that do not exist."""

    code = "usage"


@dataclass(slots=True)
class State:
    """The options that stand before the command, and whether it was asked for JSON."""

    home: Path | None = None
    database_url: str | None = None
    verbose: int = 0
    json: bool = False

    def start_logging(self) -> None:
        """Log to stderr: warnings; with ``--verbose`` progress too, and tracebacks."""
        logger = logging.getLogger("tersus")
        for handler in [h for h in logger.handlers if isinstance(h, _StderrHandler)]:
            logger.removeHandler(handler)
        handler = _StderrHandler()
        handler.setFormatter(_Formatter(verbose=bool(self.verbose)))
        logger.addHandler(handler)
        logger.setLevel((logging.WARNING, logging.INFO, logging.DEBUG)[min(self.verbose, 2)])


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to whatever ``sys.stderr`` is at the moment, as the progress bar redirects it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


class _Formatter(logging.Formatter):
    def __init__(self, *, verbose: bool) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._verbose = verbose

    def format(self, record: logging.LogRecord) -> str:
        if self._verbose:
            return super().format(record)
        return f"{record.levelname.lower()}: {record.getMessage()}"


def state_of(ctx: typer.Context) -> State:
    """The global options of this call."""
    root = ctx.find_root()
    if not isinstance(root.obj, State):
        root.obj = State()
    return root.obj


def settings_of(ctx: typer.Context, **overrides: Any) -> Settings:
    """The settings in force, the command line's options first. Raises InvalidSettings."""
    from ...rag import load_settings

    state = state_of(ctx)
    return load_settings(home=state.home, database_url=state.database_url, **overrides)


@contextmanager
def open_tersus(ctx: typer.Context, **overrides: Any) -> Iterator[Tersus]:
    """Tersus with the settings in force, closed at the end; its parts are made when they are used."""
    from ...rag import Tersus

    with Tersus(settings_of(ctx, **overrides)) as tersus:
        yield tersus


def budget_from(ratio: float | None, max_tokens: int | None) -> Budget | None:
    """The budget of ``--ratio`` and ``--max-tokens``; None where neither was given.

    Raises:
        UsageProblem: both, or an impossible value.
    """
    from ...compressors import Budget

    if ratio is not None and max_tokens is not None:
        raise UsageProblem("--ratio and --max-tokens exclude each other", hint="give one of them")
    if ratio is None and max_tokens is None:
        return None
    try:
        return Budget(ratio=ratio, max_tokens=max_tokens)
    except InvalidInput as error:
        raise UsageProblem(error.message, hint=error.hint or "for a quarter: --ratio 0.25") from error


def _note_json(ctx: typer.Context, value: bool) -> bool:
    if value:
        state_of(ctx).json = True
    return value


Json = Annotated[
    bool, typer.Option("--json", callback=_note_json, help="Print JSON for programs, and nothing else.")
]
CollectionName = Annotated[
    str, typer.Option("--collection", "-c", metavar="NAME", help="The collection of documents.")
]
CompressorName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", show_default=False, help="See 'tersus compressors'; the settings' one by default."
    ),
]
Ratio = Annotated[
    float | None,
    typer.Option(metavar="SHARE", show_default=False, help="Share of the tokens to keep, such as 0.25."),
]
MaxTokens = Annotated[
    int | None,
    typer.Option(metavar="N", show_default=False, help="Send at most this many tokens of context."),
]
