"""Many callers at once: their requests merged into batches, results kept, models loaded once."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import Closed, Overloaded, Refused, WorkerDied
from .limits import BatchLimits

if TYPE_CHECKING:
    from .cache import CompressionCache
    from .compressor import BatchedCompressor
    from .embedding import BatchedEmbedding
    from .pool import CompressorPool
    from .serving import Serving

__all__ = [
    "BatchLimits",
    "BatchedCompressor",
    "BatchedEmbedding",
    "Closed",
    "CompressionCache",
    "CompressorPool",
    "Overloaded",
    "Refused",
    "Serving",
    "WorkerDied",
]

_HOME = {
    "BatchedCompressor": "compressor",
    "BatchedEmbedding": "embedding",  # brings LlamaIndex
    "CompressionCache": "cache",
    "CompressorPool": "pool",
    "Serving": "serving",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
