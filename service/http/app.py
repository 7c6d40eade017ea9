"""The ASGI application."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from ...errors import TersusError
from ...rag import Tersus
from ...rag.chat import Chat
from ...rag.jobs import JobRunner
from ...rag.keys import any_keys
from ...rag.settings import InvalidSettings
from . import docs, errors, health, metrics, telemetry
from .config import ServeConfig
from .limits import RequestGuard
from .pages import NoSession, ask_for_key
from .pages import router as pages
from .routes import ROUTERS
from .work import Work

__all__ = ["create_app"]

log = logging.getLogger(__name__)
_LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]", "testserver")


def create_app(
    tersus: Tersus, config: ServeConfig | None = None, *, routers: Sequence[APIRouter] = ROUTERS
) -> FastAPI:
    """The service over ``tersus``, which it warms at the start and closes at the end.

    Raises:
        InvalidSettings: an address that others can reach, and no API key.
        DatabaseError: the database cannot be reached, or its schema does not fit.
    """
    config = config or ServeConfig()
    keys = any_keys(tersus.database)
    if not config.local and not keys:
        raise InvalidSettings(
            f"{config.host} can be reached by others, and there is no API key",
            hint="run 'tersus keys create NAME', or listen on 127.0.0.1",
        )
    if config.require_keys is False and not config.local:
        raise InvalidSettings("require_keys may be off on 127.0.0.1 alone", hint="leave it out")
    app = FastAPI(
        title="Tersus",
        version=version("tersus"),
        summary="Sends a language model only the words the answer needs, and records what each query saved.",
        lifespan=_life,
        openapi_tags=_TAGS,
        docs_url=None,  # both load their scripts from a server of somebody else's
        redoc_url=None,
    )
    app.state.tersus = tersus
    app.state.config = config
    app.state.chat = Chat(tersus)
    app.state.jobs = JobRunner(tersus.database)
    app.state.work = Work(config.max_at_once, config.request_timeout)
    app.state.keys_required = keys if config.require_keys is None else config.require_keys
    app.state.models = "ok"
    errors.install(app)
    app.include_router(health.router)
    app.include_router(pages)
    app.include_router(docs.router)
    app.add_exception_handler(NoSession, ask_for_key)
    for router in routers:
        app.include_router(router)
    hosts = config.allowed_hosts or (() if app.state.keys_required else _LOCAL_NAMES)
    if hosts:  # without keys, a web page could reach the service through a name of its own (DNS rebinding)
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*hosts])
    if config.cors_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=[*config.cors_origins], allow_methods=["*"], allow_headers=["*"]
        )
    app.add_middleware(RequestGuard, config=config)
    telemetry.instrument(app)
    return app


@asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    config: ServeConfig = app.state.config
    loop = asyncio.get_running_loop()
    # A request's thread mostly waits, for the batch it is in or for SQL: the default pool would be too small.
    loop.set_default_executor(ThreadPoolExecutor(config.max_at_once + 16, "tersus"))
    work: Work = app.state.work
    tersus: Tersus = app.state.tersus
    gauges = metrics.add_gauges(lambda: {"work_running": float(work.running), **tersus.gauges()})
    warming = None
    if config.warm:
        app.state.models = "loading"
        warming = loop.run_in_executor(None, _warm, app)
    try:
        yield
    finally:
        work.stopping = True
        await asyncio.to_thread(app.state.jobs.close)
        while work.running:
            await asyncio.sleep(0.02)
        await app.state.chat.close()
        if warming is not None:
            await warming
        metrics.remove_gauges(gauges)
        await asyncio.to_thread(tersus.close)


def _warm(app: FastAPI) -> None:
    """Load what the first request would wait for; what cannot be loaded is said, and the service goes on."""
    tersus: Tersus = app.state.tersus
    try:
        tersus.warm()
    except TersusError as error:
        log.error("%s", error)  # noqa: TRY400 - the message names the fix
        app.state.models = error.code
    except Exception:
        log.exception("the models could not be loaded")
        app.state.models = "failed"
    else:
        app.state.models = "ok"


_TAGS = [
    {"name": "documents", "description": "Collections, documents, and the jobs that ingest them."},
    {"name": "queries", "description": "Retrieve, compress, answer, and look at what was done."},
    {"name": "savings", "description": "What was saved, by the ledger."},
    {"name": "evaluations", "description": "What compressors are worth, by runs of `tersus eval`."},
    {"name": "openai", "description": "The drop-in for OpenAI's API."},
    {"name": "operation", "description": "Health, readiness, metrics."},
]
