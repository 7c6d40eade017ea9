"""Which id stands in which row of a FAISS index, and which rows are dead."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["Rows"]


class Rows:
    """Ids by row; rows are numbered from 0 in the order of adding. Immutable: a change makes a new one.

    A dead row's vector is still in FAISS, which can take out of some kinds slowly and of others not
    at all; searches are told to pass over it. 9 bytes a row, and 8 more once ids came out of order.
    """

    def __init__(self, ids: NDArray[np.int64] | None = None, alive: NDArray[np.bool_] | None = None) -> None:
        self.by_row: NDArray[np.int64] = np.empty(0, dtype=np.int64) if ids is None else ids
        self.alive: NDArray[np.bool_] = np.ones(len(self.by_row), dtype=np.bool_) if alive is None else alive

    def __len__(self) -> int:
        return len(self.by_row)

    @cached_property
    def dead(self) -> int:
        """How many rows are dead."""
        return len(self) - int(np.count_nonzero(self.alive))

    def ids(self) -> NDArray[np.int64]:
        """The ids of the living rows, in the order of rows."""
        return self.by_row[self.alive] if self.dead else self.by_row

    def added(self, ids: NDArray[np.int64], *, alive: bool = True) -> Rows:
        """With new rows at the end."""
        return Rows(
            np.concatenate([self.by_row, ids]),
            np.concatenate([self.alive, np.full(len(ids), alive)]),
        )

    def killed(self, ids: NDArray[np.int64]) -> Rows:
        """With the living rows of these ids dead."""
        alive = self.alive.copy()
        alive[self.of(ids)] = False
        return Rows(self.by_row, alive)

    def moved(self, holes: NDArray[np.int64], movers: NDArray[np.int64], keep: int) -> Rows:
        """The first ``keep`` rows, with the ids of the rows ``movers`` in their ``holes``; none is dead."""
        by_row = self.by_row[:keep].copy()
        by_row[holes] = self.by_row[movers]
        return Rows(by_row)

    def of(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """The living row of each id; every id must have one."""
        order, ordered = self._order, self._ordered
        # Of an id that was removed and came back the last row counts: the others are dead.
        places = np.searchsorted(ordered, ids, side="right") - 1
        return places if order is None else order[places]

    def named(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The ids in ``rows``, of any shape; -1 stays -1."""
        return np.where(rows < 0, -1, self.by_row[rows]) if len(self) else rows

    @cached_property
    def bitmap(self) -> NDArray[np.uint8]:
        """The living rows as FAISS's selectors read them: bit ``row & 7`` of byte ``row >> 3``."""
        return np.packbits(self.alive, bitorder="little")

    def bitmap_of(self, ids: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The living rows of these ids, as :attr:`bitmap`."""
        chosen = np.zeros(len(self), dtype=np.bool_)
        chosen[self.of(ids)] = True
        return np.packbits(chosen, bitorder="little")

    @cached_property
    def _order(self) -> NDArray[np.int64] | None:
        """Rows by id, equal ids by row; None where that is the order they stand in."""
        if (self.by_row[1:] > self.by_row[:-1]).all():
            return None
        return np.argsort(self.by_row, kind="stable")

    @cached_property
    def _ordered(self) -> NDArray[np.int64]:
        return self.by_row if self._order is None else self.by_row[self._order]
