"""The REST API: ``create_app`` gives the ASGI application that ``tersus serve`` runs."""

from __future__ import annotations

from .app import create_app
from .config import ServeConfig

__all__ = ["ServeConfig", "create_app"]
