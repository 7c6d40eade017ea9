"""The kind of a collection's index, now and when it has outgrown the one it has."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...indexes import Index
from ...indexes.ann import AnnIndex
from ...indexes.choose import APPROXIMATE, AUTO, bytes_a_vector, choose_kind
from ...indexes.device import use_device

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
    device: where indexes are searched: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    gpu_memory: MiB of a card that one index may take; 0 for what it has.
    background: whether one that is outgrown is built anew beside the searches, without being asked.
    """

    memory: int | None = field(default_factory=half_of_memory)
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    device: str = "auto"
    gpu_memory: int = 0
    background: bool = True

    def place(self, index: Index) -> None:
        """Let the index search on the device; anything that a card cannot do the CPU does.

        Nor does it learn while searches wait: what it has outgrown is built anew beside them.
        """
        if isinstance(index, AnnIndex):
            index.learns_by_itself = False
        use_device(index, self.device, gpu_memory_mb=self.gpu_memory)

    def kind(self, asked: str, count: int, dimension: int) -> str:
        """The kind for a new index of ``count`` vectors where the collection asks for ``asked``."""
        return choose_kind(count, dimension, self.memory) if asked == AUTO else asked

    def first(self, asked: str, count: int, dimension: int) -> str | None:
        """The kind to start with where there is no snapshot and ``count`` vectors wait.

        It takes them at once and finds them exactly, until a better one is built; None where that does not
        fit the memory. What is not built in is taken at its word: nobody here knows what it is good for.
        """
        if asked not in (AUTO, *APPROXIMATE):
            return asked
        if self.memory is not None and count * bytes_a_vector("flat", dimension) > self.memory:
            return None
        return "flat"

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
        for name, value in self.options.get(index.kind, {}).items():
            if index.options.get(name) != value:
                return f"it was made with {name}={index.options.get(name)}, and {value} is asked for"
        return index.stale()
