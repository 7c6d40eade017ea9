"""The API's routes, one module a subject."""

from __future__ import annotations

from fastapi import APIRouter

from . import (
    chat,
    collections,
    compress,
    compressors,
    documents,
    evaluations,
    files,
    jobs,
    models,
    queries,
    query,
    retrieve,
    savings,
)

__all__ = ["ROUTERS"]

# They are tried in this order: those that are asked most come first.
ROUTERS: tuple[APIRouter, ...] = (
    compress.router,
    query.router,
    retrieve.router,
    chat.router,
    collections.router,
    documents.router,
    files.router,
    jobs.router,
    queries.router,
    savings.router,
    evaluations.router,
    compressors.router,
    models.router,
)
