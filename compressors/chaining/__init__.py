"""Compressors one after the other."""

from __future__ import annotations

from .compressor import ChainCompressor, chain

__all__ = ["ChainCompressor", "chain"]
