"""``auto``: a compressor and a budget for each question, chosen from cheap features."""

from __future__ import annotations

from .compressor import AutoCompressor

__all__ = ["AutoCompressor"]
