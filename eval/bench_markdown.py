"""``python -m tersus.eval.bench_markdown FILE``: what ``tersus.eval.bench --json`` measured, as Markdown."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["main", "markdown"]

_USAGE = "usage: python -m tersus.eval.bench_markdown FILE\n"
_HEAD = "| compressor | asked | kept | answer recall | support recall | s/query |\n|---|--:|--:|--:|--:|--:|"


def markdown(found: Mapping[str, Any]) -> str:
    """A table for each data set; scores as mean (95% interval).

    Args:
        found: the object that ``tersus.eval.bench --json`` prints.
    """
    return "\n".join(_lines(found))


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    rows = found["rows"]
    for data in dict.fromkeys(row["data"] for row in rows):
        yield f"### {data}, {found['limit'] or 'all'} questions\n\n{_HEAD}"
        for row in rows:
            if row["data"] == data:
                yield (
                    f"| `{row['compressor']}` | {_number(row['ratio'])} | {_number(row['kept_micro'])} "
                    f"| {_score(row['answer_recall'])} | {_score(row['support_recall'])} "
                    f"| {_number(row['seconds'])} |"
                )
        yield ""


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _score(value: Mapping[str, Any] | None) -> str:
    if not value or value["mean"] is None:
        return "–"
    if value["low"] is None:  # too few for an interval
        return f"{value['mean']:.2f}"
    return f"{value['mean']:.2f} ({value['low']:.2f}–{value['high']:.2f})"


def main(arguments: Sequence[str]) -> int:
    """Print the tables. Returns 0, or 2 where the file is not the bench's."""
    try:
        (name,) = arguments
        text = markdown(json.loads(Path(name).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.stderr.write(f"{_USAGE}error: {error}\n")
        return 2
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
