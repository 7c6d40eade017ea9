"""GemFilter: the early layers of a language model as a filter of what all its layers read."""

from __future__ import annotations

from .compressor import GemFilterCompressor

__all__ = ["GemFilterCompressor"]
