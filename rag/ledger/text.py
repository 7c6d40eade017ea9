"""Text and JSON that both databases can store, and store alike.

PostgreSQL refuses NUL characters; no driver can encode a lone surrogate (half of a UTF-16 pair,
as in file names that are not UTF-8). Each such character becomes U+FFFD, one for one, so that
the length stays and character offsets keep pointing at the same place.
"""

from __future__ import annotations

import math
import re
from typing import Any

from ...errors import InvalidInput

__all__ = ["safe_json", "safe_text"]

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def safe_text(text: str) -> str:
    """``text`` with NUL and lone surrogates replaced by U+FFFD; the same length in characters."""
    if text.isascii() and "\x00" not in text:  # ten times as fast as the expression
        return text
    return _UNSTORABLE.sub("\ufffd", text)


def safe_json(value: Any) -> Any:
    """A copy of ``value`` whose strings and keys are `safe_text`; tuples become lists.

    Raises `InvalidInput` for NaN, infinity, keys that are not strings, and types that JSON lacks:
    one database would store them and the other would not.
    """
    if isinstance(value, str):
        return safe_text(value)
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidInput(f"{value} is not a JSON number", hint="store None where there is no value")
        return value
    if isinstance(value, (list, tuple)):
        return [safe_json(item) for item in value]
    if isinstance(value, dict):
        return {_key(key): safe_json(item) for key, item in value.items()}
    raise InvalidInput(
        f"{type(value).__name__} cannot be stored as JSON",
        hint="use text, numbers, booleans, None, lists and dictionaries",
    )


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise InvalidInput("JSON objects have text keys only", hint="convert the keys with str()")
    return safe_text(key)
