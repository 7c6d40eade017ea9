"""``frugal``: token attribution of an encoder, GlobEnc, DecompX and PageRank on its attention."""

from __future__ import annotations

from .compressor import FrugalCompressor

__all__ = ["FrugalCompressor"]
