"""How SQLite is set up: durable, with real transactions, and with writers that queue."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from . import json_functions

__all__ = ["WRITES", "begin", "preparer"]

WRITES = "tersus_writes"
"""Execution option of connections that will write."""

_RETRY_SECONDS = 0.02


def preparer(timeout: float) -> Callable[[sqlite3.Connection, Any], None]:
    """The set-up of a new connection; ``timeout`` in seconds bounds the wait for the switch to WAL."""

    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        # Python's driver must not begin transactions by itself: it does so late, before the first
        # write, and then a reader that becomes a writer fails at once instead of waiting.
        connection.isolation_level = None
        json_functions.register(connection)
        connection.execute("PRAGMA foreign_keys=ON")
        # In WAL mode NORMAL already survives a killed process; FULL adds one fsync a commit and
        # survives a power cut too. A query commits twice beside a call that takes a second or
        # more, so the account can afford it.
        connection.execute("PRAGMA synchronous=FULL")
        _use_wal(connection, time.monotonic() + timeout)

    return prepare


def begin(connection: Connection) -> None:
    """Begin a transaction; a writer takes the write lock at once.

    Two writers then queue (up to the busy timeout). A deferred transaction that reads first would
    fail immediately at its first write if somebody else had written in between.
    """
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _use_wal(connection: sqlite3.Connection, deadline: float) -> None:
    """Switch to write-ahead logging: readers and a writer then do not block each other.

    SQLite does not wait while another connection makes the same switch, so we do.
    """
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            code = error.sqlite_errorcode & 0xFF
            if code == sqlite3.SQLITE_READONLY:
                return  # a file that may only be read is read in the mode it has
            if code not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return
