"""Tables that never cut a figure: where they are too wide, every row becomes a block of lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

__all__ = ["print_table"]

_LEAST = 12  # columns that text which may give way should have


def print_table(
    console: Console,
    columns: Sequence[str],
    rows: Sequence[Sequence[str | Text]],
    *,
    numbers: Sequence[str] = (),
    fold: Sequence[str] = (),
    cut: Sequence[str] = (),
    total: Sequence[str] | None = None,
) -> None:
    """Print ``rows`` of cells under ``columns``.

    Args:
        numbers: columns aligned to the right.
        fold: columns that go over several lines where the console is narrow.
        cut: columns whose end is left out there.
        total: a last row under a line.
    """
    from rich.text import Text

    cells = [[Text(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    last = [Text(cell) for cell in total] if total else None
    widths = _widths(columns, [*cells, *([last] if last else [])])
    gives_way = {*fold, *cut}
    least = sum(
        min(width, max(_LEAST, len(name))) if name in gives_way else width
        for name, width in zip(columns, widths, strict=True)
    )
    if least + 3 * (len(columns) - 1) > console.width:
        _print_blocks(console, columns, [*cells, *([last] if last else [])])
        return
    grid = _grid(columns, numbers, fold, cut, last, widths)
    for row in cells:
        for name, cell in zip(columns, row, strict=True):
            if name in cut:
                cell.no_wrap, cell.overflow = True, "ellipsis"
        grid.add_row(*row)
    console.print(grid)


def _widths(columns: Sequence[str], rows: Sequence[Sequence[Text]]) -> list[int]:
    return [max([len(name), *(row[place].cell_len for row in rows)]) for place, name in enumerate(columns)]


def _grid(
    columns: Sequence[str],
    numbers: Sequence[str],
    fold: Sequence[str],
    cut: Sequence[str],
    last: Sequence[Text] | None,
    widths: Sequence[int],
) -> Table:
    from rich import box
    from rich.table import Table

    grid = Table(
        box=box.SIMPLE if last else box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        show_footer=bool(last),
        header_style="bold",
        footer_style="bold",
    )
    for place, name in enumerate(columns):
        gives_way = name in fold or name in cut
        grid.add_column(
            name,
            footer=last[place] if last else "",
            justify="right" if name in numbers else "left",
            no_wrap=not gives_way,
            overflow="fold",
            min_width=None if gives_way else widths[place],
        )
    return grid


def _print_blocks(console: Console, columns: Sequence[str], rows: Sequence[Sequence[Text]]) -> None:
    from rich.table import Table

    for number, row in enumerate(rows):
        if number:
            console.print()
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, cell in zip(columns, row, strict=True):
            if cell.plain:
                grid.add_row(name, cell)
        console.print(grid)
