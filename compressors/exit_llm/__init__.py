"""EXIT in the paper's own form: a causal language model asked about every sentence."""

from __future__ import annotations

from .compressor import ExitLLMCompressor

__all__ = ["ExitLLMCompressor"]
