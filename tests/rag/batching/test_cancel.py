"""Giving up: told to what waits in other threads, through time limits and tasks."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

import pytest
from tersus.rag.cancel import Cancelled, CancelToken, current_token, in_thread, wait_for
from tersus.rag.timelimit import TimeLimitExceeded, run_with_limit

from tests.rag.batching.crowd import until


def test_a_token_calls_back_once_also_those_who_come_late() -> None:
    token, called = CancelToken(), []
    token.on_cancel(lambda: called.append("early"))
    token.on_cancel(lambda: called.append("undone"))()
    assert not token.cancelled
    token.cancel()
    token.cancel()
    token.on_cancel(lambda: called.append("late"))
    assert (called, token.cancelled) == (["early", "late"], True)


def test_a_parent_cancels_its_children_until_they_are_detached() -> None:
    parent = CancelToken()
    child, detached = CancelToken(parent), CancelToken(parent)
    detached.detach()
    parent.cancel()
    assert (child.cancelled, detached.cancelled) == (True, False)
    assert CancelToken(parent).cancelled


def test_a_time_limit_wakes_what_waits_inside_it() -> None:
    waited: list[BaseException] = []
    done = threading.Event()

    def call() -> None:
        try:
            wait_for(Future[int]())
        except BaseException as error:
            waited.append(error)
            raise
        finally:
            done.set()

    with pytest.raises(TimeLimitExceeded):
        run_with_limit(call, 0.02, "waiting")
    assert done.wait(10)
    assert isinstance(waited[0], Cancelled)
    for _ in range(10):  # none of them hangs: the eighth is not refused
        with pytest.raises(TimeLimitExceeded, match="took longer"):
            run_with_limit(lambda: wait_for(Future[int]()), 0.01, "waiting in crowds")


async def test_a_cancelled_task_wakes_what_waits_in_its_thread_also_behind_a_time_limit() -> None:
    seen: list[str] = []
    entered = threading.Event()

    def wait() -> None:
        entered.set()
        wait_for(Future[int]())

    def work() -> None:
        try:
            run_with_limit(wait, 60, "a long wait")
        except Cancelled as error:
            seen.append(error.code)

    task = asyncio.ensure_future(in_thread(work))
    await asyncio.to_thread(entered.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(until, lambda: seen == ["cancelled"])
    assert current_token.get() is None


async def test_in_thread_hands_over_results_and_errors() -> None:
    assert await in_thread(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await in_thread(divmod, 7, 0)
