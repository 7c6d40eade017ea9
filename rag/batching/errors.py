"""Why a request was not taken, or was lost."""

from __future__ import annotations

from ...errors import TersusError

__all__ = ["Closed", "Overloaded", "Refused", "WorkerDied"]


class Refused(TersusError):
    """The request was not taken; nothing was tried. Never a reason to send the original context instead."""

    code = "refused"


class Overloaded(Refused):
    """The queue is full. ``retry_after``: seconds until there should be room."""

    code = "overloaded"

    def __init__(self, message: str, *, retry_after: float, hint: str | None = None) -> None:
        super().__init__(message, hint=hint or f"ask again in {retry_after:.1f} s")
        self.retry_after = retry_after


class Closed(Refused):
    """The queue was closed: the process is stopping."""

    code = "stopping"


class WorkerDied(TersusError):
    """The thread that works on batches ended with requests in its hands; the next request starts another."""

    code = "worker_died"
