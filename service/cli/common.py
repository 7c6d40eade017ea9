"""What every command shares: global options, the options ``--json`` and budgets, opening Tersus."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from ...errors import InvalidInput

if TYPE_CHECKING:
    from ...compressors import Budget, Protection
    from ...rag import Settings, Tersus

__all__ = [
    "CollectionName",
    "CompressorName",
    "Json",
    "Keep",
    "MaxTokens",
    "Ratio",
    "Risk",
    "State",
    "UsageProblem",
    "budget_from",
    "open_tersus",
    "protection_from",
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

    with Tersus(settings_of(ctx, **overrides), background=False) as tersus:
        yield tersus


def budget_from(ratio: float | None, max_tokens: int | None, risk: float | None = None) -> Budget | None:
    """The budget of ``--ratio``, ``--max-tokens`` and ``--risk``; None where none was given.

    Raises:
        UsageProblem: several, or an impossible value.
    """
    from ...compressors import Budget

    options = {"--ratio": ratio, "--max-tokens": max_tokens, "--risk": risk}
    given = [name for name, value in options.items() if value is not None]
    if len(given) > 1:
        raise UsageProblem(f"{' and '.join(given)} exclude each other", hint="give one of them")
    if not given:
        return None
    try:
        return Budget(ratio=ratio, max_tokens=max_tokens, risk=risk)
    except InvalidInput as error:
        example = "for 5%: --risk 0.05" if risk is not None else "for a quarter: --ratio 0.25"
        raise UsageProblem(error.message, hint=error.hint or example) from error


def protection_from(settings: Settings, keep: Sequence[str] | None) -> Protection:
    """The settings' protection with the patterns of ``--keep`` besides its own.

    Raises:
        UsageProblem: a pattern that is broken.
    """
    from ...compressors import Protection

    try:
        given = Protection(keep=keep or ())
    except InvalidInput as error:
        raise UsageProblem(f"--keep: {error.message}", hint=error.hint) from error
    configured = settings.protection
    return replace(configured, keep=(*configured.keep, *given.keep))


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
Risk = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        show_default=False,
        help="Lose the answer in at most this share of the questions, such as 0.05; see 'tersus calibrate'.",
    ),
]
Keep = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATTERN",
        show_default=False,
        help="A regular expression: text that it matches stays, within the budget. May be repeated.",
    ),
]
