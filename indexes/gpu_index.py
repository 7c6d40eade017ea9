"""What an index shows of itself so that a card can hold a copy of it."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar

from .base import Index
from .device import use_device
from .rows import Rows

if TYPE_CHECKING:
    from .gpu import GpuSearch, GpuStatus

__all__ = ["GpuIndex"]


class GpuIndex(Index):
    """An index over a FAISS structure on the CPU that can be searched on a GPU as well.

    Args:
        device: see ``use_device``; belongs to this process, and is not in dumps and snapshots.
        gpu_memory_mb: see ``use_device``.
    """

    gpu_keeps_rows: ClassVar[bool] = False
    """Whether rows keep their numbers, removed ones included, so that the copy's rows are the index's."""

    def __init__(self, dimension: int, *, device: str = "cpu", gpu_memory_mb: int = 0) -> None:
        super().__init__(dimension)
        self._gpu: GpuSearch | None = None
        if device != "cpu":
            use_device(self, device, gpu_memory_mb=gpu_memory_mb)

    @property
    def device(self) -> str:
        """``cpu``, or the card ``cuda:N`` that searches as far as it can (see :attr:`gpu`)."""
        return "cpu" if self._gpu is None else self._gpu.device

    @property
    def gpu(self) -> GpuStatus | None:
        """How the card does; None without one."""
        return None if self._gpu is None else self._gpu.status()

    def attach_gpu(self, gpu: GpuSearch | None) -> None:
        """Search by ``gpu`` from now on, by the CPU alone for None; the one before gives its memory back."""
        with self._lock.write():
            before, self._gpu = self._gpu, gpu
        if before is not None:
            before.close()
        if gpu is not None and len(self):
            gpu.copy_now()

    def reading(self) -> AbstractContextManager[None]:
        """Keep changes out as long as this is held."""
        return self._lock.read()

    @abstractmethod
    def gpu_source(self) -> Any:
        """The FAISS structure to copy; a text that says why there is none."""

    @abstractmethod
    def gpu_rows(self) -> Rows:
        """Which id stands in which row of that structure."""
