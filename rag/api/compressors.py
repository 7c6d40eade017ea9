"""The compressors that the service has."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

__all__ = ["CompressorList", "CompressorOption", "CompressorOut"]


class CompressorOption(BaseModel):
    """An option of a compressor, set in the service's settings."""

    name: str
    default: Any = None
    meaning: str


class CompressorOut(BaseModel):
    """What a compressor says of itself; ``error`` where it cannot be loaded."""

    name: str
    kind: str | None = None
    summary: str | None = None
    model: str | None = None
    speed: str | None = None
    paper: str | None = None
    error: str | None = None
    text: str = ""
    options: list[CompressorOption]


class CompressorList(BaseModel):
    """All of them, and which one is used by default."""

    default: str
    compressors: list[CompressorOut]
