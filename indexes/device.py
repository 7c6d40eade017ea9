"""Where an index searches: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..errors import InvalidInput
from .faiss_lib import faiss

if TYPE_CHECKING:
    from .base import Index

__all__ = ["card_of", "choose", "resolve", "use_device"]

log = logging.getLogger(__name__)

_WORTH = 50_000
"""Vectors from which ``auto`` takes a card: below, the CPU is about as fast as the way there and back."""


def resolve(device: str) -> str:
    """``cpu`` or ``cuda:N``: where work for ``device`` is done on this machine.

    ``auto`` is the first card that FAISS sees, or the CPU. A card that FAISS does not see is replaced by
    the CPU, and the log says so.

    Raises:
        InvalidInput: nothing is called that.
        NotInstalled, FaissConflict: as ``faiss()``.
    """
    chosen, reason = choose(device)
    if chosen == "cpu" and device not in ("cpu", "auto"):
        log.warning("there is no %s, the CPU is used: %s", device, reason)
    return chosen


def choose(device: str) -> tuple[str, str]:
    """What :func:`resolve` returns, and why in words."""
    name, colon, number = str(device).partition(":")
    numbered = number.isascii() and number.isdecimal()
    known = device in ("cpu", "auto") or (name == "cuda" and numbered == bool(colon))
    if not known:
        raise InvalidInput(f"no device is called {device!r}", hint="'auto', 'cpu', 'cuda' or 'cuda:0'")
    if device == "cpu":
        return "cpu", "it was asked for"
    library = faiss()
    if not hasattr(library, "StandardGpuResources"):
        return "cpu", "this build of FAISS has no GPU support"
    cards, card = library.get_num_gpus(), int(number or 0)
    if card >= cards:
        return "cpu", f"FAISS sees {cards} GPUs"
    return f"cuda:{card}", f"FAISS sees {cards} GPU{'s' if cards > 1 else ''}"


def card_of(device: str) -> int | None:
    """The number of the card that does work for ``device``, None for the CPU; raises as :func:`resolve`."""
    chosen = resolve(device)
    return None if chosen == "cpu" else int(chosen.partition(":")[2])


def use_device(index: Index, device: str, *, gpu_memory_mb: int = 0) -> str:
    """Let ``index`` search on ``device`` from now on; returns where that is, ``cpu`` or ``cuda:N``.

    The index stays on the CPU, and changes, dumps and snapshots are its own; a card gets a copy to search
    in. The copy is made before this returns, and made anew in the background when the structure of the
    index changes. Whatever the card cannot do, the CPU does (see ``gpu.GpuSearch``).

    Args:
        index: a new one or one just loaded; not to be called by two threads at once for one index.
        device: ``auto`` takes a card only from 50,000 vectors on.
        gpu_memory_mb: most of the card's memory that the copy may take, in MiB; 0: what the card has.

    Raises:
        InvalidInput: no such device, or the memory is no whole number from 0.
        NotInstalled, FaissConflict: as ``faiss()``.
    """
    from .flat import FlatIndex
    from .gpu import GpuSearch

    if isinstance(gpu_memory_mb, bool) or not isinstance(gpu_memory_mb, int) or gpu_memory_mb < 0:
        raise InvalidInput(f"gpu_memory_mb is {gpu_memory_mb!r}", hint="give a whole number from 0")
    if not isinstance(index, FlatIndex):  # no FAISS is needed to say so
        if device not in ("cpu", "auto"):
            log.warning("an index of kind %s knows no GPU: it searches on the CPU", index.kind)
        return "cpu"
    chosen = resolve(device)
    made = None
    if chosen != "cpu":
        least = _WORTH if device == "auto" else 0
        made = GpuSearch(index, int(chosen.partition(":")[2]), memory_mb=gpu_memory_mb, least=least)
    index.attach_gpu(made)
    return chosen
