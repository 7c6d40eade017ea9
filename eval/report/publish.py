"""``python -m tersus.eval.report.publish``: a report into ``docs/results``, its headline into a README."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from ...errors import InvalidInput, TersusError
from .document import write_report
from .markdown import device
from .results import read_results

__all__ = ["headline", "main", "put_between"]

_BEGIN, _END = "<!-- headline: {} -->", "<!-- end of headline -->"


def headline(figures: dict[str, Any], budgets: Sequence[str]) -> str:
    """A Markdown table: a line for each compressor and budget, a column for each data set with the share kept
    and what was measured, as mean (95% interval)."""
    sets = list(figures["sizes"])
    cells = {(c["dataset"], c["compressor"], c["budget"]): c for c in figures["cells"]}
    keys = list(dict.fromkeys((c["compressor"], c["budget"]) for c in figures["cells"]))
    keys = [key for key in keys if key[1] in budgets or key[1] == "-"]
    lines = ["| compressor | budget | " + " | ".join(f"{s}, {figures['sizes'][s]}" for s in sets) + " |"]
    lines.append("|---|---|" + "---|" * len(sets))
    for name, budget in keys:
        found = [cells.get((s, name, budget)) for s in sets]
        lines.append(f"| `{name}` | {budget} | " + " | ".join(_cell(cell) for cell in found) + " |")
    e = figures["environment"]
    words = "Each cell: quality (95% interval) at the share of tokens kept; quality is "
    words += "; ".join(f"{metric} on {', '.join(on)}" for metric, on in _metrics(figures).items())
    lines += ["", f"{words}. {e['date']}, {device(e)}."]
    return "\n".join(lines)


def put_between(text: str, name: str, table: str) -> str:
    """``text`` with the table between its marks.

    Raises:
        InvalidInput: the marks are not there.
    """
    begin = _BEGIN.format(name)
    start = text.find(begin)
    end = text.find(_END, start)
    if start < 0 or end < 0:
        raise InvalidInput(f"there are no marks for {name!r}", hint=f"write {begin} and {_END}")
    return f"{text[: start + len(begin)]}\n{table}\n{text[end:]}"


def main(argv: Sequence[str] | None = None) -> int:
    """Publish. Returns 0, or 2 where the run or the marks are not there."""
    parser = argparse.ArgumentParser(prog="python -m tersus.eval.report.publish", description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("target", type=Path, help="folder for the report, such as docs/results/context")
    parser.add_argument("--readme", type=Path, help="file with the marks of a headline")
    parser.add_argument("--budgets", default="0.25,adaptive", help="of the headline (default: 0.25,adaptive)")
    options = parser.parse_args(argv)
    try:
        write_report(read_results(options.run), options.target)
        (options.target / "scores.json").unlink()  # each question's scores: for the gate, not for readers
        if options.readme is not None:
            figures = json.loads((options.target / "report.json").read_text(encoding="utf-8"))
            table = headline(figures, options.budgets.split(","))
            text = put_between(options.readme.read_text(encoding="utf-8"), options.target.name, table)
            options.readme.write_text(text, encoding="utf-8")
    except TersusError as error:
        Console(stderr=True).print(f"[red]error[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
        return 2
    return 0


def _cell(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return "–"
    found = cell["metrics"][cell["primary"]]
    if found["mean"] is None:
        return "–"
    if found["low"] is None:
        return f"{found['mean']:.3f} at {cell['kept']:.2f}"
    return f"{found['mean']:.3f} ({found['low']:.3f}–{found['high']:.3f}) at {cell['kept']:.2f}"


def _metrics(figures: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for cell in figures["cells"]:
        sets = found.setdefault(cell["primary"].replace("_", " "), [])
        if cell["dataset"] not in sets:
            sets.append(cell["dataset"])
    return found


if __name__ == "__main__":
    sys.exit(main())
