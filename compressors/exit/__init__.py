"""The trained sentence classifier."""

from __future__ import annotations

from .compressor import ExitCompressor

__all__ = ["ExitCompressor"]
