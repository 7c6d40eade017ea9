"""The kinds with inverted lists, by what a list holds of a vector."""

from __future__ import annotations

from typing import Any, ClassVar

from .ivf import IvfIndex

__all__ = ["IvfFlatIndex", "IvfSq8Index"]


class IvfFlatIndex(IvfIndex):
    """Lists of float32 vectors, by FAISS (``IndexIVFFlat``): 4 x dimension + 26 bytes a vector."""

    kind = "ivf-flat"

    def _structure(self, quantizer: Any, lists: int) -> Any:
        metric = self._faiss.METRIC_INNER_PRODUCT
        return self._faiss.IndexIVFFlat(quantizer, self._dimension, lists, metric)


class IvfSq8Index(IvfIndex):
    """Lists of 8-bit codes, one a component (``IndexIVFScalarQuantizer``): dimension + 26 bytes a vector."""

    kind = "ivf-sq8"
    score_error: ClassVar[float] = 0.01

    def _structure(self, quantizer: Any, lists: int) -> Any:
        code = self._faiss.ScalarQuantizer.QT_8bit
        metric = self._faiss.METRIC_INNER_PRODUCT
        return self._faiss.IndexIVFScalarQuantizer(quantizer, self._dimension, lists, code, metric)
