"""Peak memory of a piece of work, above what was taken when it began."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import torch

__all__ = ["PeakMemory", "threads"]

_STATUS = Path("/proc/self/status")


class PeakMemory:
    """``with PeakMemory(device) as peak: ...``; then ``peak.bytes``.

    On CUDA what torch had allocated at most, elsewhere the process' resident memory as the system counts
    it. The system's mark is that of the whole process, so that use before may hide the peak: where it cannot
    be set back (Linux alone can), let a process measure once. None where the system does not say.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._before = 0
        self.bytes: int | None = None

    def __enter__(self) -> Self:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
            torch.cuda.reset_peak_memory_stats(self._device)
            self._before = torch.cuda.memory_allocated(self._device)
        else:
            _reset_mark()
            self._before = _resident("VmRSS") or 0
        return self

    def settle(self) -> None:
        """Wait until the device has done what was asked of it, so that a clock read next is right."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.settle()
        if self._device.type == "cuda":
            self.bytes = torch.cuda.max_memory_allocated(self._device) - self._before
        elif (peak := _resident("VmHWM")) is not None:
            self.bytes = max(0, peak - self._before)


def threads(count: int | None) -> None:
    """How many threads torch takes on a CPU, from here on; None leaves it."""
    if count is not None:
        torch.set_num_threads(count)


def _reset_mark() -> None:
    if sys.platform == "linux":
        try:
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        except OSError:
            return  # not ours to set in some containers: then the mark of loading stays


def _resident(key: str) -> int | None:
    try:
        lines = _STATUS.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:")), None)
