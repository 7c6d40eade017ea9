"""TCRA-LLM (Liu et al., 2023): passages summarised, or without the words that their embedding needs least."""

from __future__ import annotations

from .semantic import TcraSemanticCompressor
from .summary import TcraSummaryCompressor

__all__ = ["TcraSemanticCompressor", "TcraSummaryCompressor"]
