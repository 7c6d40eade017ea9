"""The same turn again, for shadow checks: asked for by their thread, done in the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any, TypeVar

from ...compressors import Budget
from ...errors import TersusError

__all__ = ["Instead", "LoopEnded", "done_in", "said_once"]

T = TypeVar("T")
_LOOK = 0.5  # seconds between looks at whether the loop still runs


@dataclass(frozen=True, slots=True)
class Instead:
    """A request that is made again: ``budget`` in the place of its own; None sends the full context."""

    budget: Budget | None


class LoopEnded(TersusError):
    """The event loop ended before the answer was there."""

    code = "loop_ended"


def done_in(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` returns in ``loop``, from another thread. Raises LoopEnded, and what ``work`` raises."""
    try:
        future = asyncio.run_coroutine_threadsafe(work, loop)
    except RuntimeError as error:  # closed
        work.close()
        raise LoopEnded("the event loop ended") from error
    while True:
        try:
            return future.result(_LOOK)
        except CancelledError as error:
            raise LoopEnded("the event loop ended") from error
        except TimeoutError:
            if future.done():
                raise  # its own
            if not loop.is_running():
                future.cancel()
                raise LoopEnded("the event loop ended") from None


def said_once(body: Mapping[str, Any]) -> dict[str, Any]:
    """The request for one whole answer."""
    left = {key: value for key, value in body.items() if key not in ("stream_options", "n")}
    return {**left, "stream": False}
