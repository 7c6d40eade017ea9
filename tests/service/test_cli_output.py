"""Figures and tables as people read them."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest
from rich.console import Console
from tersus.service.cli.figures import duration, megabytes, money, share
from tersus.service.cli.output import clean, one_line
from tersus.service.cli.tables import print_table


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (None, "unknown"),
        ("0", "$0"),
        ("0.000000001", "$0.000000001"),
        ("0.0001234", "$0.000123"),
        ("0.00012", "$0.00012"),
        ("0.0456", "$0.0456"),
        ("0.5", "$0.50"),
        ("0.9999", "$1.00"),
        ("1", "$1.00"),
        ("1234.567", "$1,234.57"),
        ("-0.02", "-$0.02"),
    ],
)
def test_money_shows_cents_or_three_digits(amount: str | None, shown: str) -> None:
    assert money(None if amount is None else Decimal(amount)) == shown


def test_shares_times_and_sizes_are_short() -> None:
    assert [share(part) for part in (None, 0.0, 0.004, 0.26, 1.0)] == ["", "0%", "0.4%", "26%", "100%"]
    assert [duration(s) for s in (None, 0.004, 0.25, 12.3, 4321.0)] == [
        "",
        "4 ms",
        "0.25 s",
        "12 s",
        "4,321 s",
    ]
    assert [megabytes(size) for size in (0, 91_600_000, 81_400_000_000)] == ["0.0 MB", "91.6 MB", "81.4 GB"]


def test_control_characters_become_visible_and_lines_one() -> None:
    assert clean("a\x1b[31mb\x07\x9bc\x7f\r\n\td") == "a\ufffd[31mb\ufffd\ufffdc\ufffd\n\td"
    assert one_line("  a \n b\x1b\t c ") == "a b\ufffd c"


def shown(width: int) -> list[str]:
    """A table with a figure, a text that is cut and one that is folded."""
    console = Console(file=io.StringIO(), width=width, markup=False, highlight=False)
    rows = [["1,234,567", "what is the question here", "one two three four five"]]
    print_table(
        console, ["Figure", "Question", "State"], rows, numbers=["Figure"], cut=["Question"], fold=["State"]
    )
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_wide_table_has_one_line_a_row() -> None:
    lines = shown(100)
    assert lines[0].split() == ["Figure", "Question", "State"]
    assert lines[2] == "1,234,567   what is the question here   one two three four five"
    assert len(lines) == 3


def test_a_narrower_table_cuts_and_folds_text_but_no_figure() -> None:
    lines = shown(45)
    assert lines[2].startswith("1,234,567   what is")
    assert "\u2026" in lines[2]
    assert " ".join(line[line.rindex("  ") :].strip() for line in lines[2:]) == "one two three four five"


def test_where_a_table_does_not_fit_rows_become_blocks() -> None:
    lines = shown(35)
    assert lines[0] == "Figure    1,234,567"
    assert "\u2026" not in "".join(lines)
    assert " ".join(" ".join(lines).split()) == (
        "Figure 1,234,567 Question what is the question here State one two three four five"
    )
