"""The kind of a collection's index, now and when it has outgrown the one it has."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...indexes import Index
from ...indexes.choose import AUTO, choose_kind

__all__ = ["IndexSettings", "half_of_memory"]


def half_of_memory() -> int | None:
    """Half of the machine's memory in bytes; None where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (ValueError, OSError):
        return None


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """How indexes are made.

    memory: bytes that one index may take where the kind is ``auto``; half of the machine's by default.
    options: of each kind, as its constructor takes them.
    background: whether one that is outgrown is built anew beside the searches, without being asked.
    """

    memory: int | None = field(default_factory=half_of_memory)
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    background: bool = True

    def kind(self, asked: str, count: int, dimension: int) -> str:
        """The kind for a new index of ``count`` vectors where the collection asks for ``asked``."""
        return choose_kind(count, dimension, self.memory) if asked == AUTO else asked

    def outgrown(self, asked: str, index: Index) -> str | None:
        """Why the index should be built anew, if it should.

        Where the kind is ``auto``, at twice the size that would choose another kind: no size makes an
        index go to and fro.
        """
        if asked != AUTO:
            wanted = {asked}
        else:
            wanted = {self.kind(AUTO, count, index.dimension) for count in (len(index), len(index) // 2)}
        if index.kind not in wanted:
            return f"{len(index)} vectors in an index of kind {index.kind} are better in {min(wanted)}"
        return index.stale()
