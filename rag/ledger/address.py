"""Database addresses: which are understood, and how they are shown without their password."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import URL, exc, make_url

from ...errors import InvalidInput, NotInstalled

__all__ = ["parse_address", "shown", "sqlite_path"]

_EXAMPLES = "write sqlite:////absolute/path/tersus.db or postgresql://user:password@host/name"


def parse_address(address: str) -> URL:
    """The address with its driver set.

    Raises `InvalidInput` for anything but a SQLite file or PostgreSQL, `NotInstalled` without psycopg.
    """
    try:
        url = make_url(address)
    except (exc.ArgumentError, ValueError):
        # The message must not repeat the address: what cannot be parsed may hold a password.
        raise InvalidInput("the database address cannot be understood", hint=_EXAMPLES) from None
    backend = url.drivername.partition("+")[0]
    if backend == "sqlite":
        if url.database in (None, "", ":memory:") or "mode=memory" in str(url):
            raise InvalidInput(
                "an in-memory database would lose the account of what was saved", hint=_EXAMPLES
            )
        return url.set(drivername="sqlite+pysqlite")
    if backend in ("postgresql", "postgres"):
        if find_spec("psycopg") is None:
            raise NotInstalled("PostgreSQL needs psycopg", hint='pip install "tersus[postgres]"')
        return url.set(drivername="postgresql+psycopg")
    raise InvalidInput(f"{backend} databases are not supported", hint=_EXAMPLES)


def shown(url: URL) -> str:
    """The address for people and logs: any password is replaced by ***."""
    secrets = {key: "***" for key in url.query if "password" in key}
    plain = url.set(drivername=url.get_backend_name())  # which driver we use is our business
    return plain.update_query_dict(secrets).render_as_string(hide_password=True)


def sqlite_path(url: URL) -> Path | None:
    """The file of a SQLite address; None for PostgreSQL."""
    if url.get_backend_name() != "sqlite" or url.database is None:
        return None
    return Path(url.database.removeprefix("file:"))
