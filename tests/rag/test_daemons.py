"""Threads that are used again: one for one caller, as many as there is work, none kept for ever."""

from __future__ import annotations

import gc
import multiprocessing
import threading
import time
import weakref

import pytest
from tersus.rag.daemons import Daemons


def test_one_caller_has_one_thread_under_the_names_that_it_gives() -> None:
    daemons = Daemons()
    found = [
        daemons.submit(lambda: (threading.get_ident(), threading.current_thread().name), name).result(30)
        for name in ("a", "b", "c")
    ]
    assert [name for _, name in found] == ["a", "b", "c"]
    assert len({thread for thread, _ in found}) == 1


def test_nobody_waits_for_a_thread_that_hangs_and_none_keeps_the_process() -> None:
    daemons, release = Daemons(), threading.Event()
    hanging = [daemons.submit(lambda: release.wait(60), "hangs") for _ in range(40)]
    assert daemons.submit(lambda: threading.current_thread().daemon, "daemon").result(30)
    assert not any(future.done() for future in hanging)
    release.set()
    assert all(future.result(30) for future in hanging)


def test_an_error_is_the_futures_and_the_thread_goes_on() -> None:
    daemons = Daemons()

    def fail() -> int:
        raise KeyError(threading.get_ident())

    failed = daemons.submit(fail, "fails")
    with pytest.raises(KeyError) as caught:
        failed.result(30)
    assert daemons.submit(threading.get_ident, "again").result(30) == caught.value.args[0]


def test_threads_without_work_end_and_others_come_in_their_place() -> None:
    daemons = Daemons(idle=0.01)
    first = daemons.submit(threading.current_thread, "first").result(30)
    first.join(30)
    assert not first.is_alive()
    for _ in range(200):  # around the moment in which they end
        assert daemons.submit(lambda: 7, "next").result(30) == 7
        time.sleep(0.0099)


def test_no_more_are_kept_than_asked_for() -> None:
    daemons, release = Daemons(most=2), threading.Event()

    def work() -> threading.Thread:
        release.wait(60)
        return threading.current_thread()

    busy = [daemons.submit(work, "busy") for _ in range(6)]
    release.set()
    threads = [future.result(30) for future in busy]
    for _ in range(1000):
        if sum(thread.is_alive() for thread in threads) == 2:
            break
        time.sleep(0.01)
    assert sum(thread.is_alive() for thread in threads) == 2


def test_what_was_worked_on_is_let_go() -> None:
    class Large:
        def work(self) -> int:
            return 1

    daemons = Daemons()
    large = Large()
    seen = weakref.ref(large)
    assert daemons.submit(large.work, "holds").result(30) == 1
    del large
    for _ in range(1000):
        gc.collect()
        if seen() is None:
            break
        time.sleep(0.01)
    assert seen() is None


def test_a_forked_process_starts_its_own() -> None:
    daemons = Daemons()
    assert daemons.submit(lambda: 1, "here").result(30) == 1
    context = multiprocessing.get_context("fork")
    process = context.Process(target=lambda: daemons.submit(lambda: 1, "there").result(30))
    process.start()
    process.join(30)
    assert process.exitcode == 0
