"""Prompts that begin alike, laid out so that a model reads what they share once.

All prompts of a query begin with the same words (the trunk), those of one context go on with it (the
stem), and each ends with its own sentence (a leaf). A pack holds stems and leaves side by side in one
sequence; which token sees which follows from ``branch`` and ``leaf``, and a token's position is the one
that it has in its own prompt. So nothing is padded and nothing is held twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

__all__ = ["STEM", "Branch", "Pack", "common_start", "leaf_packs"]

STEM = -1
"""``leaf`` of a token of a stem: all leaves of its branch see it."""


@dataclass(frozen=True, slots=True)
class Branch:
    """Prompts as token ids: each is the stem and one of the leaves, of which none is empty."""

    stem: list[int]
    leaves: list[list[int]]

    @classmethod
    def of(cls, prompts: Sequence[list[int]]) -> Branch:
        """At least one prompt, none empty. The stem is as long as it can be."""
        length = min(common_start(prompts), min(map(len, prompts)) - 1)
        return cls(prompts[0][:length], [prompt[length:] for prompt in prompts])

    def prompts(self) -> Iterator[list[int]]:
        """The prompts, whole."""
        return (self.stem + leaf for leaf in self.leaves)


@dataclass(slots=True)
class Pack:
    """One sequence. ``ends`` are the places of the last token of each prompt, ``numbers`` the prompts."""

    ids: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    branch: list[int] = field(default_factory=list)
    leaf: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    def add(self, start: int, stem: Sequence[int], leaves: Sequence[Sequence[int]], first: int) -> None:
        """A branch whose stem stands at position ``start``; its leaves are prompts ``first`` and on."""
        branch = self.branch[-1] + 1 if self.branch else 0
        self._put(stem, start, branch, STEM)
        for number, leaf in enumerate(leaves, first):
            self._put(leaf, start + len(stem), branch, number)
            self.ends.append(len(self.ids) - 1)
            self.numbers.append(number)

    def _put(self, ids: Sequence[int], start: int, branch: int, leaf: int) -> None:
        self.ids += ids
        self.positions += range(start, start + len(ids))
        self.branch += [branch] * len(ids)
        self.leaf += [leaf] * len(ids)


def leaf_packs(start: int, leaves: Sequence[Sequence[int]], first: int, most: int) -> Iterator[Pack]:
    """Leaves of one stem, which is read already, in packs of at most ``most`` tokens (or one leaf)."""
    pack = Pack()
    for number, leaf in enumerate(leaves, first):
        if pack.ids and len(pack.ids) + len(leaf) > most:
            yield pack
            pack = Pack()
        pack.add(start, (), [leaf], number)
    yield pack


def common_start(rows: Sequence[list[int]]) -> int:
    """How many tokens all rows begin with alike."""
    low, high = min(rows), max(rows)  # what the first and the last in order share, all between share
    most = min(map(len, rows))
    return next((i for i in range(most) if low[i] != high[i]), most)
