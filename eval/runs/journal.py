"""Results as they come, one unit a line: what a kill leaves is whole units."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...indexes.durable import replace_file

__all__ = ["Journal", "write_whole"]


class Journal:
    """The file ``journal.jsonl`` of a run's folder. Only one process may append."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, dict[str, Any]]:
        """What each finished unit came to, by key; a last line cut off by a kill is removed from the file."""
        found: dict[str, dict[str, Any]] = {}
        if not self._path.exists():
            return found
        good = 0
        with self._path.open("rb") as file:
            for line in file:
                try:
                    entry = json.loads(line) if line.endswith(b"\n") else None
                except ValueError:
                    entry = None
                if not isinstance(entry, dict):
                    break
                found[entry["unit"]] = entry
                good += len(line)
        if good < self._path.stat().st_size:
            os.truncate(self._path, good)
        return found

    def append(self, entry: dict[str, Any]) -> None:
        """Add a unit; on disk when this returns."""
        with self._path.open("ab") as file:
            file.write(_line(entry))
            file.flush()
            os.fsync(file.fileno())


def _line(entry: dict[str, Any]) -> bytes:
    """JSON on a line; half a UTF-16 pair, which UTF-8 has no place for, is written as its escape."""
    text = json.dumps(entry, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode("utf-8", "backslashreplace")


def write_whole(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Put JSON lines in the file's place: it is never half there."""
    replace_file(path, (_line(line) for line in lines))
