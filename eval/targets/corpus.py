"""The development data, read once, with pools of passages over several sets."""

from __future__ import annotations

import os

from ..data import Example, read_examples
from .pool import Pool

__all__ = ["Corpus"]


class Corpus:
    """Data sets by name, and what is drawn from them with ``seed``."""

    def __init__(
        self, split: str = "dev", *, data_dir: str | os.PathLike[str] | None = None, seed: int = 0
    ) -> None:
        self.split = split
        self.data_dir = data_dir
        self.seed = seed
        self._examples: dict[str, list[Example]] = {}
        self._pools: dict[tuple[str, ...], Pool] = {}

    def examples(self, name: str) -> list[Example]:
        """All examples of a data set.

        Raises:
            DataMissing, DataDamaged: as ``read_examples``.
        """
        if name not in self._examples:
            self._examples[name] = list(read_examples(name, split=self.split, data_dir=self.data_dir))
        return self._examples[name]

    def pool(self, *sets: str) -> Pool:
        """The passages of several data sets as one pool. Raises as :meth:`examples` does."""
        if sets not in self._pools:
            self._pools[sets] = Pool(example for name in sets for example in self.examples(name))
        return self._pools[sets]
