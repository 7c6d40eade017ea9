"""The dashboard: pages made on the server, with one small script for the playground."""

from __future__ import annotations

from .router import ask_for_key, router
from .session import NoSession

__all__ = ["NoSession", "ask_for_key", "router"]
