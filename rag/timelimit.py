"""Running a call with a time limit, and giving it up when the limit passes."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from ..errors import TersusError
from .cancel import CancelToken, current_token
from .daemons import Daemons

__all__ = ["TimeLimitExceeded", "run_with_limit"]

T = TypeVar("T")

_MAX_ABANDONED = 8
_abandoned: dict[str, set[Future[Any]]] = {}
_lock = threading.Lock()
_daemons = Daemons()


class TimeLimitExceeded(TersusError):
    """The call took longer than its limit; its result, should there be one, is thrown away."""

    code = "time_limit"


def run_with_limit(call: Callable[[], T], seconds: float, what: str) -> T:
    """``call()``, or :class:`TimeLimitExceeded` after ``seconds``.

    Python cannot stop a running call: one that is given up goes on in a daemon thread,
    which does not keep the process alive. While 8 such calls of the same ``what`` still run,
    new ones are refused at once, so that a hanging model cannot pile up threads, nor a hanging
    compressor keep a model from being called. Exceptions of ``call`` are raised here.
    What waits in a queue for its turn is told by ``current_token``, and does not hang.
    """
    with _lock:
        hanging = {call for call in _abandoned.pop(what, ()) if not call.done()}
        if hanging:
            _abandoned[what] = hanging
        if len(hanging) >= _MAX_ABANDONED:
            raise TimeLimitExceeded(f"{what}: {len(hanging)} earlier calls have not come back yet")
    token = CancelToken(current_token.get())
    context = contextvars.copy_context()
    context.run(current_token.set, token)
    future = _daemons.submit(partial(context.run, call), f"tersus: {what}")
    try:
        return future.result(timeout=seconds)
    except TimeoutError as error:
        if future.done() and future.exception(timeout=0) is error:
            raise  # the call's own time-out, not ours
        with _lock:
            _abandoned.setdefault(what, set()).add(future)
        token.cancel()
        raise TimeLimitExceeded(f"{what} took longer than {seconds:g} s") from None
    finally:
        token.detach()
