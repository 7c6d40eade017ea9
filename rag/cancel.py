"""Telling work in another thread that nobody waits for it any more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from typing import TypeVar

from ..errors import TersusError

__all__ = ["CancelToken", "Cancelled", "current_token", "in_thread", "settle", "wait_for"]

T = TypeVar("T")


class Cancelled(TersusError):
    """The caller gave up before its turn came: its time was over, or its client had gone."""

    code = "cancelled"


class CancelToken:
    """Cancelled once, from any thread. What waits with it is woken; running code is not stopped.

    Args:
        parent: cancels this one too.
    """

    def __init__(self, parent: CancelToken | None = None) -> None:
        self._lock = threading.Lock()
        self._calls: dict[object, Callable[[], None]] = {}
        self._cancelled = False
        self.detach = parent.on_cancel(self.cancel) if parent is not None else _nothing
        """Forget the parent: for one that lives longer than this token's work."""

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits any more."""
        return self._cancelled

    def cancel(self) -> None:
        """Wake what waits; a second call does nothing."""
        with self._lock:
            self._cancelled = True
            calls, self._calls = [*self._calls.values()], {}
        for call in calls:
            call()

    def on_cancel(self, call: Callable[[], None]) -> Callable[[], None]:
        """Call ``call`` when cancelled, at once where that was before; returns what takes it back."""
        key = object()
        with self._lock:
            if not self._cancelled:
                self._calls[key] = call
                return partial(self._forget, key)
        call()
        return _nothing

    def _forget(self, key: object) -> None:
        with self._lock:
            self._calls.pop(key, None)


# It goes with the request through threads: asyncio.to_thread and run_with_limit copy the context.
current_token: ContextVar[CancelToken | None] = ContextVar("tersus_cancel", default=None)


def settle(future: Future[T], result: T | None = None, error: BaseException | None = None) -> None:
    """Give a future its result or error, unless somebody was faster."""
    with suppress(InvalidStateError):
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]


def wait_for(future: Future[T]) -> T:
    """The result of a future that only this caller waits for.

    Raises:
        Cancelled: ``current_token`` was cancelled first; the future then holds that error, too.
    """
    token = current_token.get()
    if token is None:
        return future.result()
    gone = Cancelled("nobody waits for this any more")
    undo = token.on_cancel(lambda: settle(future, error=gone))
    try:
        return future.result()
    finally:
        undo()


async def in_thread(call: Callable[..., T], *args: object) -> T:
    """``asyncio.to_thread``, and when the waiting task is cancelled, what waits in the thread is, too."""
    token = CancelToken(current_token.get())
    before = current_token.set(token)
    try:
        return await asyncio.to_thread(call, *args)
    except asyncio.CancelledError:
        token.cancel()
        raise
    finally:
        token.detach()
        current_token.reset(before)


def _nothing() -> None:
    pass
