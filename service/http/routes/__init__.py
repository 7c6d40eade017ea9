"""The API's routes, one module a subject."""

from __future__ import annotations

from fastapi import APIRouter

from . import (
    chat,
    collections,
    compress,
    compressors,
    documents,
    files,
    jobs,
    models,
    queries,
    query,
    retrieve,
    savings,
)

__all__ = ["ROUTERS"]

ROUTERS: tuple[APIRouter, ...] = (
    collections.router,
    documents.router,
    files.router,
    jobs.router,
    retrieve.router,
    compress.router,
    query.router,
    queries.router,
    savings.router,
    compressors.router,
    chat.router,
    models.router,
)
