"""One handler for every error that a command raises."""

from __future__ import annotations

import errno
import json
import sys
import traceback
from typing import Any

import typer

from ...errors import TersusError
from .common import State, UsageProblem, state_of
from .typers import QuietGroup

__all__ = ["TersusGroup"]


class TersusGroup(QuietGroup):
    """The top of the command tree.

    An error becomes two lines on stderr and exit status 1 (2 where the command line itself is
    wrong, 130 after Ctrl-C); with ``--json``, one JSON object on stderr:
    ``{"error": {"code", "message", "hint"}}``. So stdout holds a result or nothing.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()  # a reader that went away is noticed here, where it is handled
        except TersusError as error:
            state = state_of(ctx)
            _report(state, error.code, error.message, error.hint)
            if state.verbose:
                traceback.print_exception(error)
            raise typer.Exit(2 if error.code == UsageProblem.code else 1) from error
        except KeyboardInterrupt as error:
            raise typer.Exit(130) from error
        except Exception as error:
            if _is_typers(error):
                raise
            state = state_of(ctx)
            hint = "the traceback is below" if state.verbose else "tersus --verbose COMMAND shows where"
            _report(state, "unexpected", f"unexpected {type(error).__name__}: {error}", hint)
            if state.verbose:
                traceback.print_exception(error)
            raise typer.Exit(1) from error
        return result


def _is_typers(error: Exception) -> bool:
    """Errors that typer handles itself: usage errors, exits, and a pipe whose reader went away."""
    if isinstance(error, OSError):
        return error.errno == errno.EPIPE
    return type(error).__module__.partition(".")[0] in ("click", "typer")


def _report(state: State, code: str, message: str, hint: str | None) -> None:
    if state.json:
        account = {"error": {"code": code, "message": message, "hint": hint}}
        sys.stderr.write(json.dumps(account) + "\n")
        return
    from rich.text import Text

    from .output import clean, stderr

    console = stderr()
    console.print(Text.assemble(("error:", "bold red"), " ", clean(message)), soft_wrap=True)
    if hint:
        console.print(Text.assemble(("hint:", "bold"), " ", clean(hint)), soft_wrap=True)
