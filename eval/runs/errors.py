"""What can be wrong with a run as a whole; a question that fails is a result and no error."""

from __future__ import annotations

from ...errors import TersusError

__all__ = ["RunBusy", "RunMismatch", "RunMissing"]


class RunMissing(TersusError, FileNotFoundError):
    """There is no run in the folder, or it has no results yet."""

    code = "run_missing"


class RunMismatch(TersusError):
    """The folder holds a run of another description, other data, other weights or other code."""

    code = "run_mismatch"


class RunBusy(TersusError):
    """Another process is at work on the same folder."""

    code = "run_busy"
