"""The text of a document that is known by its nodes only: each at its offset, what lies between unknown."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["NodeText"]

_BETWEEN = 2  # line ends between a text and one that is put behind it
_REACH = 1_000_000
"""Longest gap, in characters, for the sake of an offset: a mad one must not cost gigabytes."""


class NodeText:
    """Texts laid out so that each is the slice of the whole that its offsets say.

    A text keeps the offset that it claims where nothing else stands there; overlapping texts cut from one
    document agree with each other, so both keep theirs. Any other text goes behind the rest.
    Characters that no text covers are line ends. Texts hold no NUL (see `text`).
    """

    def __init__(self, placed: Iterable[tuple[int, str]] = ()) -> None:
        """``placed``: offsets and texts that stand already, as :meth:`place` gave them."""
        self._codes = np.zeros(0, dtype="<u4")  # 0: unknown
        self._length = 0
        for start, text in placed:
            self._write(start, _codes(text))

    def place(self, start: int | None, text: str) -> int:
        """Put ``text`` at ``start`` if that is possible, else behind the rest; returns its offset."""
        codes = _codes(text)
        if start is None or not self._is_free(start, codes):
            start = self._length + _BETWEEN if self._length else 0
        self._write(start, codes)
        return start

    def __str__(self) -> str:
        codes = self._codes[: self._length].copy()
        codes[codes == 0] = ord("\n")
        return codes.tobytes().decode("utf-32-le")

    def _is_free(self, start: int, codes: NDArray[np.uint32]) -> bool:
        if not 0 <= start <= self._length + _REACH:
            return False
        there = self._codes[start : min(start + codes.size, self._length)]
        return bool(((there == 0) | (there == codes[: there.size])).all())

    def _write(self, start: int, codes: NDArray[np.uint32]) -> None:
        end = start + codes.size
        if end > self._codes.size:
            grown = np.zeros(max(end, 2 * self._codes.size), dtype="<u4")
            grown[: self._length] = self._codes[: self._length]
            self._codes = grown
        self._codes[start:end] = codes
        self._length = max(self._length, end)


def _codes(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
