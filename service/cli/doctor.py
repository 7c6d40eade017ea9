"""``tersus doctor``: what is here, what is missing, and the command that mends it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from .common import Json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .check import Check

__all__ = ["doctor"]


def doctor(ctx: typer.Context, as_json: Json = False) -> None:
    """Check this installation: versions, devices, models, configuration, database, collections.

    For whatever is wrong it names the command that mends it. Exit status 1 where something that is
    needed is missing. Nothing is created or changed.
    """
    from .checks import run_checks
    from .output import print_json, waiting

    with waiting("looking around"):
        checks = run_checks(ctx)
    well = all(check.ok or not check.needed for check in checks)
    if as_json:
        print_json({"ok": well, "checks": [asdict(check) for check in checks]})
    else:
        _print(checks, well)
    if not well:
        raise typer.Exit(1)


def _print(checks: Sequence[Check], well: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    from .output import one_line, stdout

    console = stdout()
    unicode = console.encoding.lower().startswith("utf")
    good, bad = ("\u2713", "\u2717") if unicode else ("ok", "XX")
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for check in checks:
        mark = Text(good, "green") if check.ok else Text(bad, "bold red" if check.needed else "yellow")
        said = Text(one_line(check.detail))
        if check.fix:
            said.append(f"\nmend it with: {one_line(check.fix)}", "bold" if not check.ok else "dim")
        grid.add_row(mark, check.name, said)
    console.print(grid)
    console.print()
    if well:
        console.print("Everything that is needed is here.", style="bold green")
    else:
        missing = ", ".join(check.name for check in checks if check.needed and not check.ok)
        console.print(f"To be mended: {missing}", style="bold red")
