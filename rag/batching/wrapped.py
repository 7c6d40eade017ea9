"""Compressors that stand for another one, with its name and properties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from ...compressors import Calibration, Candidates, Compressor, Draft, ExtractiveCompressor, Task

__all__ = ["WrappedCompressor", "WrappedExtractive"]


class WrappedCompressor(Compressor):
    """Is what ``inner`` is, until a subclass says otherwise."""

    inner: Compressor

    def __init__(self, inner: Compressor) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        if name == "inner":  # not set yet
            raise AttributeError(name)
        return getattr(self.inner, name)

    @property
    def name(self) -> str:  # type: ignore[override]
        """The compressor's."""
        return self.inner.name

    @property
    def kind(self) -> Literal["extractive", "abstractive"]:  # type: ignore[override]
        """The compressor's."""
        return self.inner.kind

    @property
    def summary(self) -> str:  # type: ignore[override]
        """The compressor's."""
        return self.inner.summary

    @property
    def model(self) -> str | None:  # type: ignore[override]
        """The compressor's."""
        return self.inner.model

    @property
    def paper(self) -> str | None:  # type: ignore[override]
        """The compressor's."""
        return self.inner.paper

    @property
    def speed(self) -> str:  # type: ignore[override]
        """The compressor's."""
        return self.inner.speed

    @property
    def needs_query(self) -> bool:  # type: ignore[override]
        """The compressor's."""
        return self.inner.needs_query

    def accepts(self, query: str) -> bool:
        """The compressor's."""
        return self.inner.accepts(query)

    def _compress_batch(self, tasks: Sequence[Task]) -> Sequence[Draft]:
        return self.inner._compress_batch(tasks)


class WrappedExtractive(WrappedCompressor, ExtractiveCompressor):  # type: ignore[override]
    """Of one that has scores, too."""

    inner: ExtractiveCompressor

    @property
    def fingerprint(self) -> str:
        """The compressor's."""
        return self.inner.fingerprint

    @property
    def threshold(self) -> float:  # type: ignore[override]
        """The compressor's."""
        return self.inner.threshold

    @property
    def joined(self) -> bool:  # type: ignore[override]
        """The compressor's."""
        return self.inner.joined

    @property
    def shipped_calibrations(self) -> Sequence[Calibration]:
        """The compressor's."""
        return self.inner.shipped_calibrations

    def _compress_batch(self, tasks: Sequence[Task]) -> Sequence[Draft]:
        return self.inner._compress_batch(tasks)

    def _score_batch(self, tasks: Sequence[Task]) -> Sequence[Candidates]:
        return self.inner._score_batch(tasks)
