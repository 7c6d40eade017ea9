"""Driver errors, told apart and said clearly: what happened, and what to do about it.

Codes: https://www.sqlite.org/rescode.html and appendix A of the PostgreSQL manual.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import exc

from ...errors import TersusError
from .errors import (
    DatabaseBusy,
    DatabaseDamaged,
    DatabaseError,
    DatabaseReadOnly,
    DatabaseUnavailable,
    DiskFull,
)

__all__ = ["database_error", "file_error", "translated"]

_LOW_SPACE = 1 << 20  # bytes; with less free, an input/output error of SQLite means a full disk

_HINTS: dict[type[DatabaseError], str] = {
    DatabaseReadOnly: "make the file and its folder writable for this user, or set another database address",
    DiskFull: "free some space or raise the size limit, then repeat the request; what was saved is intact",
    DatabaseUnavailable: "check that the server runs and that address, user and password are right",
    DatabaseDamaged: "point to another file, or restore this one from a backup",
    DatabaseBusy: "repeat the request; if this goes on, look for a process that keeps a transaction open",
    DatabaseError: "the database's own message says why; the ledger's tables are as they were before",
}
_SAYS: dict[type[DatabaseError], str] = {
    DatabaseReadOnly: "cannot write to the database",
    DiskFull: "no space left for the database",
    DatabaseUnavailable: "cannot connect to the database",
    DatabaseDamaged: "not a database, or a damaged one:",
    DatabaseBusy: "timed out waiting for the database",
    DatabaseError: "the database failed:",
}

# By the primary code, the low byte of SQLite's extended one.
_SQLITE: dict[int, type[DatabaseError]] = {
    sqlite3.SQLITE_BUSY: DatabaseBusy,
    sqlite3.SQLITE_LOCKED: DatabaseBusy,
    sqlite3.SQLITE_READONLY: DatabaseReadOnly,
    sqlite3.SQLITE_PERM: DatabaseReadOnly,
    sqlite3.SQLITE_FULL: DiskFull,
    sqlite3.SQLITE_CANTOPEN: DatabaseUnavailable,
    sqlite3.SQLITE_CORRUPT: DatabaseDamaged,
    sqlite3.SQLITE_NOTADB: DatabaseDamaged,
}

# By the whole SQLSTATE, else by its class (the first two characters).
_POSTGRES: dict[str, type[DatabaseError]] = {
    "08": DatabaseUnavailable,  # connection exception
    "28": DatabaseUnavailable,  # invalid authorization
    "57": DatabaseUnavailable,  # operator intervention: shutdown, starting up
    "3D000": DatabaseUnavailable,  # no such database
    "53300": DatabaseUnavailable,  # too many connections
    "25006": DatabaseReadOnly,  # read-only transaction, as on a standby
    "53100": DiskFull,
    "55P03": DatabaseBusy,  # lock not available
    "57014": DatabaseBusy,  # cancelled by a time limit
    "40001": DatabaseBusy,  # serialization failure
    "40P01": DatabaseBusy,  # deadlock
    "XX001": DatabaseDamaged,
    "XX002": DatabaseDamaged,
}


@contextmanager
def translated(address: str, path: Path | None) -> Iterator[None]:
    """Within, errors of SQLAlchemy and of SQLite become Tersus errors that show ``address``."""
    try:
        yield
    except exc.StatementError as error:
        # What a column type refused on purpose passes as it is.
        if isinstance(error.orig, TersusError):
            raise error.orig from None
        raise database_error(error, address, path) from error
    except (exc.SQLAlchemyError, sqlite3.Error) as error:
        raise database_error(error, address, path) from error


def database_error(error: Exception, address: str, path: Path | None) -> DatabaseError:
    """The Tersus error for a driver's; see the tables above."""
    original = error.orig if isinstance(error, exc.StatementError) and error.orig else error
    if isinstance(original, sqlite3.Error):
        kind = _sqlite_kind(original, path)
    elif isinstance(error, exc.TimeoutError):
        kind = DatabaseBusy  # no connection of the pool came free
    else:
        kind = _postgres_kind(error, original)
    first_line = str(original).strip().partition("\n")[0]
    return kind(f"{_SAYS[kind]} {address}: {first_line}", hint=_HINTS[kind])


def file_error(error: OSError, address: str) -> DatabaseError:
    """The Tersus error for a folder that could not be made."""
    kind: type[DatabaseError] = DatabaseUnavailable
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        kind = DatabaseReadOnly
    elif error.errno in (errno.ENOSPC, errno.EDQUOT):
        kind = DiskFull
    return kind(f"{_SAYS[kind]} {address}: {error.strerror}", hint=_HINTS[kind])


def _sqlite_kind(error: sqlite3.Error, path: Path | None) -> type[DatabaseError]:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if path is not None and path.parent.is_dir():
        if code == sqlite3.SQLITE_CANTOPEN:
            target = path if path.is_file() else path.parent
            if not (os.access(target, os.W_OK) and os.access(path.parent, os.W_OK)):
                return DatabaseReadOnly
        if code == sqlite3.SQLITE_IOERR and shutil.disk_usage(path.parent).free < _LOW_SPACE:
            return DiskFull
    return _SQLITE.get(code, DatabaseError)


def _postgres_kind(error: Exception, original: BaseException) -> type[DatabaseError]:
    state = getattr(original, "sqlstate", None)
    if state:
        return _POSTGRES.get(state) or _POSTGRES.get(state[:2]) or DatabaseError
    # Without a state the server never answered: refused, no such host, or the connection broke.
    lost = isinstance(error, exc.DBAPIError) and error.connection_invalidated
    return DatabaseUnavailable if lost or isinstance(error, exc.OperationalError) else DatabaseError
