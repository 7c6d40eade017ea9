"""Where the data sets lie, and their lines as JSON objects."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Never

from ..errors import InvalidInput, TersusError

__all__ = ["DATA_DIR_VARIABLE", "DataDamaged", "DataMissing", "Line", "data_file", "data_folder"]

DATA_DIR_VARIABLE = "TERSUS_DATA_DIR"
_SUFFIXES = (".jsonl.gz", ".jsonl")


class DataMissing(TersusError, FileNotFoundError):
    """A data set is not where it is expected."""

    code = "data_missing"


class DataDamaged(TersusError, ValueError):
    """A line of a data file does not follow the schema; the message names file and line."""

    code = "data_damaged"


def data_file(
    source: str | os.PathLike[str],
    split: str | None = "dev",
    *,
    data_dir: str | os.PathLike[str] | None = None,
) -> Path:
    """The file of ``source``: a path that ends in ``.jsonl`` or ``.jsonl.gz``, or a data set's name.

    A name is looked up as ``NAME.SPLIT.jsonl.gz`` (or ``.jsonl``; without a split ``NAME.jsonl.gz``)
    in ``data_dir``, else in the folder that ``TERSUS_DATA_DIR`` names, else in ``../shared/data``
    beside the repository.

    Raises:
        DataMissing: there is no such file; the hint says where it was expected.
    """
    name = os.fspath(source)
    if isinstance(source, os.PathLike) or name.endswith(_SUFFIXES):
        path = Path(name)
        if not path.is_file():
            raise DataMissing(
                f"there is no data file {path}", hint="expected is JSON lines, gzipped or plain"
            )
        return path
    folder = data_folder(data_dir)
    stem = f"{name}.{split}" if split else name
    for suffix in _SUFFIXES:
        path = folder / (stem + suffix)
        if path.is_file():
            return path
    raise DataMissing(
        f"data set {name!r} is not here: {folder / stem}.jsonl.gz does not exist",
        hint=f"put {stem}.jsonl.gz into that folder, or name another folder with {DATA_DIR_VARIABLE}",
    )


def data_folder(data_dir: str | os.PathLike[str] | None = None) -> Path:
    """``data_dir``, else the folder that ``TERSUS_DATA_DIR`` names, else ``../shared/data``."""
    if data_dir is not None:
        return Path(data_dir)
    if named := os.environ.get(DATA_DIR_VARIABLE):
        return Path(named)
    return Path(__file__).resolve().parents[2] / "shared" / "data"


class Line:
    """One line of a data file as a JSON object, with typed access to its fields."""

    def __init__(self, path: Path, number: int, fields: dict[str, Any]) -> None:
        self.path = path
        self.number = number
        self.fields = fields

    @classmethod
    def read(cls, path: Path, limit: int | None = None) -> Iterator[Line]:
        """The lines of ``path``, at most ``limit``; blank ones are skipped.

        Raises:
            DataDamaged: no JSON object on a line, not UTF-8, or a damaged gzip file.
        """
        if limit is not None and limit < 0:
            raise InvalidInput(f"limit must be 0 or more, got {limit}")
        number = taken = 0
        try:
            with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
                while limit is None or taken < limit:
                    raw = file.readline()
                    if not raw:
                        return
                    number += 1
                    if raw.strip():
                        taken += 1
                        yield cls._parse(path, number, raw)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataDamaged(
                f"{path}, after line {number}: {error}",
                hint="the gzip file is cut off or broken; fetch it again",
            ) from error

    @classmethod
    def _parse(cls, path: Path, number: int, raw: bytes) -> Line:
        line = cls(path, number, {})
        try:
            fields = json.loads(raw.decode("utf-8"))
        except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
            line.damaged(f"no JSON: {error}", error)
        if not isinstance(fields, dict):
            line.damaged(f"a JSON object is expected, not {type(fields).__name__}")
        line.fields = fields
        return line

    def damaged(self, what: str, cause: Exception | None = None) -> Never:
        """Raise :class:`DataDamaged` for this line."""
        raise DataDamaged(
            f"{self.path}, line {self.number}: {what}",
            hint="the schema stands in the docstring of tersus.eval.data",
        ) from cause

    def text(self, key: str) -> str:
        """A string that is not blank."""
        value = self.fields.get(key)
        if not isinstance(value, str) or not value.strip():
            self.damaged(f"{key!r} must be a string with something in it, got {value!r:.80}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings, perhaps empty."""
        value = self.fields.get(key)
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            self.damaged(f"{key!r} must be a list of strings, got {value!r:.80}")
        return tuple(value)

    def identity(self) -> str:
        """The line's ``id``; where that is null or absent, file and line number, so that it is unique."""
        value = self.fields.get("id")
        if value is None:
            return f"{self.path.name.split('.jsonl')[0]}-line-{self.number}"
        if not isinstance(value, (str, int)) or isinstance(value, bool) or value == "":
            self.damaged(f"'id' must be a string, a number or null, got {value!r:.80}")
        return str(value)
