"""The database: one address, one engine, sessions that commit or roll back as a whole."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from json import dumps
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction

from . import sqlite
from .address import parse_address, shown, sqlite_path
from .errors import ReadSession
from .translate import file_error, translated

__all__ = ["Database"]

_WRITERS = 4  # fewer than the pool's connections: what waits to be written never takes them all


class _ReadSession(Session):
    """A session that refuses to write, so that no write slips past the queue of writers."""


def _refuse(*_: object) -> None:
    raise ReadSession(
        "this session was opened for reading", hint="open it with database.session(write=True) to write"
    )


@event.listens_for(_ReadSession, "before_flush")
def _refuse_flush(_session: Session, _context: UOWTransaction, _instances: object) -> None:
    _refuse()


@event.listens_for(_ReadSession, "do_orm_execute")
def _refuse_statement(state: ORMExecuteState) -> None:
    if state.is_insert or state.is_update or state.is_delete:
        _refuse()


class Database:
    """A SQLite file or a PostgreSQL database; safe to share between threads.

    ``address`` is a URL (``sqlite:////data/tersus.db``, ``postgresql://user:password@host/name``); the
    folder of a SQLite file is made if it is missing. ``busy_timeout`` is in seconds: how long to wait
    for a lock or for a free connection before `DatabaseBusy`. Nothing is connected until it is used.

    Raises `InvalidInput` for other addresses, `NotInstalled` without psycopg, and `DatabaseReadOnly`,
    `DiskFull` or `DatabaseUnavailable` where the folder cannot be made.
    """

    def __init__(self, address: str, *, busy_timeout: float = 30.0) -> None:
        url = parse_address(address)
        self.url = shown(url)
        self.path = sqlite_path(url)
        options: dict[str, Any] = {
            # Questions and answers stay out of error messages and logs.
            "hide_parameters": True,
            "json_serializer": partial(dumps, allow_nan=False, ensure_ascii=False),
            "pool_size": 5,
            "max_overflow": 15,
            "pool_timeout": busy_timeout,
        }
        if self.path is not None:
            if "uri" not in url.query:
                self._make_folder()
            self.engine = create_engine(url, connect_args={"timeout": busy_timeout}, **options)
            event.listen(self.engine, "connect", sqlite.preparer(busy_timeout))
            event.listen(self.engine, "begin", sqlite.begin)
            self._reader = self.engine
        else:
            defaults = {"connect_timeout": 10, "application_name": "tersus"}
            arguments = {key: value for key, value in defaults.items() if key not in url.query}
            self.engine = create_engine(url, connect_args=arguments, pool_pre_ping=True, **options)
            event.listen(self.engine, "connect", _lock_timeout(busy_timeout))
            # One snapshot for the whole of a reading session, as SQLite gives by itself.
            self._reader = self.engine.execution_options(isolation_level="REPEATABLE READ")
        self._writer = self.engine.execution_options(**{sqlite.WRITES: True})
        self._threads: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a SQLite file."""
        return self.path is not None

    @property
    def writer(self) -> Engine:
        """The engine whose transactions take SQLite's write lock when they begin."""
        return self._writer

    @contextmanager
    def session(self, write: bool = False) -> Iterator[Session]:
        """A session in one transaction: committed at the end, rolled back on any error.

        Objects stay usable afterwards. A reading session sees one snapshot and refuses to write
        (`ReadSession`). Errors of the driver leave as the errors in `errors`.
        """
        with self.translated():
            session = Session(self._writer) if write else _ReadSession(self._reader)
            session.expire_on_commit = False
            with session, session.begin():
                yield session

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection in one writing transaction, for plain statements; errors leave as from `session`."""
        with self.translated(), self._writer.begin() as connection:
            yield connection

    def write_soon(self, write: Callable[[Connection], object]) -> Future[None]:
        """Run ``write`` in a `transaction` of its own, in another thread; the future raises its errors."""

        def work() -> None:
            with self.transaction() as connection:
                write(connection)

        with self._lock:  # before `close`, or after it in new threads
            if self._threads is None:
                self._threads = ThreadPoolExecutor(_WRITERS, "tersus-writer")
            return self._threads.submit(work)

    def translated(self) -> AbstractContextManager[None]:
        """Within, errors of the driver become the errors in `errors`."""
        return translated(self.url, self.path)

    def close(self) -> None:
        """Close all connections that are not in use; the database opens again when it is used again.

        What `write_soon` was given is written first.
        """
        with self._lock:
            threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown()
        self.engine.dispose()

    def __repr__(self) -> str:
        return f"Database({self.url!r})"

    def _make_folder(self) -> None:
        assert self.path is not None  # noqa: S101 - for the type checker
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise file_error(error, self.url) from error


def _lock_timeout(seconds: float) -> Any:
    def prepare(connection: Any, _record: Any) -> None:
        connection.autocommit = True  # a SET inside a transaction would end with it
        connection.execute(f"SET lock_timeout = {int(seconds * 1000)}")
        connection.autocommit = False

    return prepare
