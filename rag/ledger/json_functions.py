"""What SQLite lacks to compare JSON exactly: functions of ours that it calls.

SQLite reads integers beyond 64 bits as floats, rounds the last digit of some floats, and its paths
cannot name every key.
"""

from __future__ import annotations

import json
import sqlite3

__all__ = ["COMPARE", "GET", "register"]

GET = "tersus_json_get"
"""``(object, key)``: the JSON of an object's value; NULL where it has no such key."""
COMPARE = "tersus_json_compare"
"""``(a, b)``, the JSON of two numbers: -1, 0 or 1 as ``a`` is less than, equal to or more than ``b``."""


def register(connection: sqlite3.Connection) -> None:
    """Make the functions known to a new connection."""
    connection.create_function(GET, 2, _get, deterministic=True)
    connection.create_function(COMPARE, 2, _compare, deterministic=True)


def _get(data: str | None, key: str) -> str | None:
    found = {} if data is None else json.loads(data)
    if not isinstance(found, dict) or key not in found:
        return None
    return json.dumps(found[key], ensure_ascii=False)


def _compare(first: str, second: str) -> int:
    a, b = json.loads(first), json.loads(second)
    return int(a > b) - int(a < b)
