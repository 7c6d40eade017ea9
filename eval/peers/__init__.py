"""Other projects' compressors, run as they were released, each in an environment of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .llmlingua import LLMLinguaCompressor, LongLLMLinguaCompressor

if TYPE_CHECKING:
    from ...compressors import Compressor

__all__ = ["PEERS", "LLMLinguaCompressor", "LongLLMLinguaCompressor"]

PEERS: dict[str, type[Compressor]] = {c.name: c for c in (LLMLinguaCompressor, LongLLMLinguaCompressor)}
