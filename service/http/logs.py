"""The service's log: one JSON object a line, or coloured lines on a terminal, each with its request's id."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog
from structlog.types import EventDict, WrappedLogger

from .request_id import request_id

__all__ = ["LogFormat", "configure"]

LogFormat = Literal["auto", "json", "text"]


def configure(level: int = logging.INFO, form: LogFormat = "auto") -> None:
    """Send what ``tersus`` and uvicorn log to stderr; ``auto`` is text on a terminal, JSON elsewhere."""
    as_text = sys.stderr.isatty() if form == "auto" else form == "text"
    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_request_id,
    ]
    last: list[structlog.types.Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if as_text
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=True)]
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    for name in ("tersus", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)
        logger.propagate = False
    for name in ("uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []


def _add_request_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event.setdefault("request_id", request_id())
    return event
