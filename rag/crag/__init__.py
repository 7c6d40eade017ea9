"""CRAG over a whole collection: clusters of its passages, each with a stored summary."""

from __future__ import annotations

from .build import BuildReport, build_crag
from .retriever import CragRetriever

__all__ = ["BuildReport", "CragRetriever", "build_crag"]
