"""Compressors: text in, less text out. No SQL, no HTTP, no index here.

>>> from tersus.compressors import Budget, Passage, load_compressor
>>> result = load_compressor("none").compress("Who wrote Dune?", [Passage(text="Frank Herbert.")])
>>> result.text
'Frank Herbert.'
"""

from __future__ import annotations

from .base import Compressor, ContractViolation, Draft, Task
from .budget import Budget, Calibration, CalibrationMissing
from .chaining import ChainCompressor, chain
from .extractive import Candidates, ExtractiveCompressor
from .protection import KeepTooSlow, Protection
from .registry import (
    CompressorBroken,
    UnknownCompressor,
    available_compressors,
    compressor_class,
    load_compressor,
)
from .render import Renderer, render_context
from .tokens import TokenCounter, TokenizerMissing, counter_name, load_counter
from .types import CompressedPassage, Compression, Passage, SourcedSentence, Span, StageReport

__all__ = [
    "Budget",
    "Calibration",
    "CalibrationMissing",
    "Candidates",
    "ChainCompressor",
    "CompressedPassage",
    "Compression",
    "Compressor",
    "CompressorBroken",
    "ContractViolation",
    "Draft",
    "ExtractiveCompressor",
    "KeepTooSlow",
    "Passage",
    "Protection",
    "Renderer",
    "SourcedSentence",
    "Span",
    "StageReport",
    "Task",
    "TokenCounter",
    "TokenizerMissing",
    "UnknownCompressor",
    "available_compressors",
    "chain",
    "compressor_class",
    "counter_name",
    "load_compressor",
    "load_counter",
    "render_context",
]
