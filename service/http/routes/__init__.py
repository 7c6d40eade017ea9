"""The API's routes, one module a subject."""

from __future__ import annotations

from fastapi import APIRouter

from . import compress, compressors, queries, query, retrieve, savings

__all__ = ["ROUTERS"]

ROUTERS: tuple[APIRouter, ...] = (
    retrieve.router,
    compress.router,
    query.router,
    queries.router,
    savings.router,
    compressors.router,
)
