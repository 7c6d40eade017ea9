"""Running the service in one process or several; each makes the application from its environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ...errors import TersusError
from ...rag import Settings, Tersus, load_settings
from ...rag.ingest.uploads import remove_left
from ...rag.settings import InvalidSettings
from .app import create_app
from .config import ServeConfig, load_config
from .logs import LogFormat, configure
from .memory import hold_less

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["PortTaken", "application", "check", "serve"]

_LOG = "TERSUS_SERVE_LOG"  # how a worker learns level and form: not a setting


class PortTaken(TersusError):
    """The address cannot be listened on."""

    code = "port_taken"


def application() -> FastAPI:
    """The application from the environment; uvicorn calls this once in every worker."""
    level, _, form = os.environ.pop(_LOG, "20 auto").partition(" ")
    configure(int(level), form)  # type: ignore[arg-type]
    hold_less()
    return create_app(Tersus(load_settings(), serving=True), load_config())


def check(settings: Settings, config: ServeConfig) -> None:
    """Refuse before anything is started what could not work; also opens, and so migrates, the database.

    Raises:
        InvalidSettings: several workers over SQLite, or an open address without keys.
        DatabaseError, PortTaken.
    """
    import socket

    if config.workers > 1 and settings.resolved_database_url.startswith("sqlite"):
        raise InvalidSettings(
            "several workers need PostgreSQL", hint="set TERSUS_DATABASE_URL, or leave --workers at 1"
        )
    with Tersus(settings) as tersus:
        create_app(tersus, config)
    if config.port:
        family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((config.host.strip("[]"), config.port))
            except OSError as error:
                raise PortTaken(
                    f"{config.host}:{config.port} cannot be listened on: {error.strerror}",
                    hint="choose another with --port or --host",
                ) from error


def serve(settings: Settings, config: ServeConfig, *, level: int, form: LogFormat) -> None:
    """Run until a signal ends it: requests that run are finished first, within ``shutdown_timeout``.

    Raises what `check` raises.
    """
    import uvicorn

    check(settings, config)
    remove_left(settings.home)
    with _environment(settings, config, f"{level} {form}"):
        configure(level, form)
        uvicorn.run(
            "tersus.service.http.serving:application",
            factory=True,
            host=config.host.strip("[]"),
            port=config.port,
            workers=config.workers,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=config.shutdown_timeout,
        )


@contextmanager
def _environment(settings: Settings, config: ServeConfig, log: str) -> Iterator[None]:
    """Hand the command line's choices to the workers, which read the environment as everybody does."""
    given = {
        "TERSUS_HOME": str(settings.home),
        "TERSUS_DATABASE_URL": settings.database_url or "",
        "TERSUS_SERVE_HOST": config.host,
        "TERSUS_SERVE_PORT": str(config.port),
        "TERSUS_SERVE_WORKERS": str(config.workers),
        _LOG: log,
    }
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
