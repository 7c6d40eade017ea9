"""Writing for people and for programs: consoles, JSON, text that cannot harm a terminal."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "arrow",
    "clean",
    "counting",
    "dot",
    "one_line",
    "print_json",
    "short_path",
    "stderr",
    "stdout",
    "waiting",
]

_PIPE_WIDTH = 160  # where there is no terminal, lines may be longer than 80 columns
# C0 and C1 controls but tab and newline, DEL included: a document must not move the cursor or the title.
_CONTROLS = {code: "\ufffd" for code in (*range(32), *range(127, 160)) if code not in (9, 10)}
_CONTROLS[13] = ""


def stdout() -> Console:
    """The console for results."""
    return _console(sys.stdout)


def stderr() -> Console:
    """The console for progress and problems."""
    return _console(sys.stderr)


def _console(stream: IO[str]) -> Console:
    from rich.console import Console

    # Nothing that is printed is read as markup: it may come from a document.
    console = Console(file=stream, markup=False, emoji=False, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPE_WIDTH
    return console


def clean(text: str) -> str:
    """``text`` without control characters but tab and newline; for terminals."""
    return text.translate(_CONTROLS)


def one_line(text: str) -> str:
    """``text`` on one line, without control characters."""
    return clean(" ".join(text.split()))


def short_path(path: str) -> str:
    """The path from here where it lies below, on one line."""
    here = f"{Path.cwd().as_posix().rstrip('/')}/"
    return one_line(path.removeprefix(here))


def _speaks_unicode(console: Console) -> bool:
    return console.encoding.lower().startswith("utf")


def arrow(console: Console) -> str:
    """An arrow that the console can show."""
    return "\u2192" if _speaks_unicode(console) else "->"


def dot(console: Console) -> str:
    """What stands between figures on one line."""
    return " \u00b7 " if _speaks_unicode(console) else " | "


def print_json(value: Any) -> None:
    """``value`` as JSON on stdout; escaped where stdout's encoding lacks a character."""
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2, allow_nan=False)
    sys.stdout.write(text + "\n")


def waiting(message: str) -> AbstractContextManager[Any]:
    """A spinner on stderr while something takes its time; nothing where stderr is no terminal."""
    console = stderr()
    if not console.is_terminal:
        return nullcontext()
    from rich.text import Text

    return console.status(
        Text(clean(message), style="dim"), spinner="dots" if _speaks_unicode(console) else "line"
    )


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr that is told how many of ``what`` are done, and of how many; nothing where stderr is
    no terminal."""
    console = stderr()
    if not console.is_terminal:
        yield lambda _done, _total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, expand=True) as progress:
        bar = progress.add_task(clean(what), total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)
