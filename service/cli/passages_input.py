"""Passages from a file or standard input: plain text, or JSON lines."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

from ...compressors import Passage
from ...errors import InvalidInput, TersusError

__all__ = ["InputNotUtf8", "InputUnreadable", "InvalidLine", "read_passages"]

_FIELDS = ("text", "title", "id", "document_id", "offset", "score", "metadata")


class InputUnreadable(TersusError):
    """The file cannot be read."""

    code = "input_unreadable"


class InputNotUtf8(InvalidInput):
    """The bytes are not UTF-8; guessing would change the text."""

    code = "input_not_utf8"


class InvalidLine(InvalidInput):
    """A line of JSON lines is no passage; the message has its number."""

    code = "invalid_line"


def read_passages(file: str, *, json_lines: bool = False) -> list[Passage]:
    """The passages in ``file`` (``-``: standard input).

    Plain text is one passage, titled with the file's name. Offsets of spans count the characters of
    the decoded text; line ends stay as they are, and a byte order mark is no part of it.

    Raises:
        InputUnreadable, InputNotUtf8, InvalidLine: nothing is returned by halves.
    """
    name = "standard input" if file == "-" else file
    try:
        data = _read(file)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputUnreadable(f"{name} cannot be read: {reason}", hint="check the path") from error
    except ValueError as error:  # a NUL in the name
        raise InputUnreadable(f"{name!r} is no file name: {error}", hint="check the path") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputNotUtf8(
            f"{name} is not UTF-8: byte 0x{data[error.start]:02x} in line {line}",
            hint="convert it first, such as: iconv -f latin1 -t utf-8 FILE",
        ) from error
    if json_lines or file.endswith((".jsonl", ".ndjson")):
        return _parse(text, name)
    return [Passage(text=text, title="" if file == "-" else Path(file).name, id="1")]


def _read(file: str) -> bytes:
    if file != "-":
        return Path(file).read_bytes()
    if sys.stdin.isatty():
        sys.stderr.write("reading from the terminal; end with Ctrl-D\n")
    return sys.stdin.buffer.read()


def _parse(text: str, name: str) -> list[Passage]:
    passages = []
    # Not splitlines: a JSON string may hold U+2028 and the like unescaped.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            passages.append(_passage(line, number))
        except (ValueError, RecursionError) as error:
            reason = error.message if isinstance(error, InvalidInput) else _reason(error)
            raise InvalidLine(
                f"{name}, line {number}: {reason}",
                hint='one JSON object a line: {"text": "...", "title": "..."}',
            ) from error
    return passages


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON: {error.msg} at character {error.pos + 1}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _passage(line: str, number: int) -> Passage:
    given = json.loads(line, parse_constant=_no_constant, parse_float=_finite)
    if not isinstance(given, dict):
        raise InvalidInput(f"expected an object, got {_named(given)}")
    if "text" not in given:
        raise InvalidInput('"text" is missing')
    for field in ("text", "title", "document_id"):
        if not isinstance(given.get(field) or "", str):
            raise InvalidInput(f'"{field}" must be a string, got {_named(given[field])}')
    if given["text"] is None:
        raise InvalidInput('"text" must be a string, got null')
    metadata = given.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise InvalidInput(f'"metadata" must be an object, got {_named(metadata)}')
    return Passage(
        text=given["text"],
        id=_identity(given.get("id"), number),
        title=given.get("title") or "",
        document_id=given.get("document_id"),
        offset=_offset(given.get("offset")),
        score=_score(given.get("score")),
        metadata={**{key: value for key, value in given.items() if key not in _FIELDS}, **metadata},
    )


def _identity(value: Any, number: int) -> str:
    """The id as text; the line's number where there is none."""
    if value is None:
        return str(number)
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise InvalidInput(f'"id" must be a string or a whole number, got {_named(value)}')
    return str(value)


def _offset(value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidInput('"offset" must be a whole number from 0 on')
    return value


def _score(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidInput(f'"score" must be a number, got {_named(value)}')
    try:
        return float(value)
    except OverflowError as error:
        raise InvalidInput('"score" is too large') from error


def _no_constant(name: str) -> Any:
    raise InvalidInput(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise InvalidInput(f"the number {text} is too large")
    return value


def _named(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
