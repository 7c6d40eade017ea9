"""The thread that owns a card: one after the other, together where that fits, and a clean end."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray
from tersus.indexes.found import Found
from tersus.indexes.gpu_owner import GpuStopped, Owner

PATIENCE = 30.0


class Echo:
    """Finds each query's own number; at most ``most`` at a time."""

    def __init__(self, most: int = 8) -> None:
        self.most = most
        self.sizes: list[tuple[int, int, int]] = []
        self.threads: set[int] = set()
        self.released: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.owner = Owner(self.search, lambda k, probes: self.most, self.release)

    def search(self, queries: NDArray[np.float32], k: int, probes: int) -> Found:
        self.threads.add(threading.get_ident())
        self.sizes.append((len(queries), k, probes))
        assert self.gate.wait(PATIENCE)
        return np.repeat(queries[:, :1].astype(np.int64), k, axis=1), np.repeat(queries[:, :1], k, axis=1)

    def release(self) -> None:
        self.released.append(threading.get_ident())


def queries(first: int, count: int) -> NDArray[np.float32]:
    return np.arange(first, first + count, dtype=np.float32)[:, None]


def queued(echo: Echo, count: int) -> None:
    end = time.monotonic() + PATIENCE
    while len(echo.owner._waiting) < count:
        assert time.monotonic() < end
        time.sleep(0.002)


def test_each_gets_its_own_and_only_equal_questions_are_joined() -> None:
    echo = Echo()
    echo.gate.clear()
    asked = [(queries(10 * i, 1 + i % 3), 2 + i % 2, 1 + (i > 5)) for i in range(12)]
    with ThreadPoolExecutor(13) as pool:
        blocker = pool.submit(echo.owner.search, queries(900, 1), 1, 1)
        while not echo.sizes:
            time.sleep(0.002)
        jobs = []
        for number, one in enumerate(asked):
            jobs.append(pool.submit(echo.owner.search, *one))
            queued(echo, number + 1)  # in this order
        echo.gate.set()
        assert blocker.result(PATIENCE)[0].tolist() == [[900]]
        for (its, k, _), job in zip(asked, jobs, strict=True):
            rows, scores = job.result(PATIENCE)
            assert rows.tolist() == [[int(value)] * k for value in its[:, 0]]
            assert scores.tolist() == rows.tolist()
    assert sum(size for size, _, _ in echo.sizes) == 1 + sum(len(its) for its, _, _ in asked)
    assert (echo.owner.batches, echo.owner.queries) == (len(echo.sizes), 1 + sum(len(a[0]) for a in asked))
    assert len(echo.threads) == 1
    echo.owner.stop()
    assert set(echo.released) == echo.threads


def test_waiting_searches_of_one_form_are_one_batch_up_to_the_most() -> None:
    echo = Echo(most=8)
    echo.gate.clear()
    with ThreadPoolExecutor(8) as pool:
        blocker = pool.submit(echo.owner.search, queries(0, 1), 1, 1)
        while not echo.sizes:
            time.sleep(0.002)
        jobs = []
        for number, size in enumerate((3, 3, 3, 20)):
            jobs.append(pool.submit(echo.owner.search, queries(100 * number, size), 1, 1))
            queued(echo, number + 1)
        echo.gate.set()
        blocker.result(PATIENCE)
        for number, job in enumerate(jobs):
            rows = job.result(PATIENCE)[0]
            assert rows[:, 0].tolist() == list(range(100 * number, 100 * number + len(rows)))
    # Two threes fit into eight; a large one is cut.
    assert [size for size, _, _ in echo.sizes] == [1, 6, 3, 8, 8, 4]
    echo.owner.stop()


def test_who_waits_at_the_end_is_told_and_nobody_is_served_after_it() -> None:
    echo = Echo()
    echo.gate.clear()
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(echo.owner.search, queries(0, 1), 1, 1)
        while not echo.sizes:
            time.sleep(0.002)
        second = pool.submit(echo.owner.search, queries(5, 1), 1, 1)
        queued(echo, 1)
        end = pool.submit(echo.owner.stop)
        while not echo.owner._stopping:
            time.sleep(0.002)
        echo.gate.set()
        assert first.result(PATIENCE)[0].tolist() == [[0]]
        with pytest.raises(GpuStopped):
            second.result(PATIENCE)
        end.result(PATIENCE)
    with pytest.raises(GpuStopped):
        echo.owner.do(lambda: None)
    echo.owner.stop()
    assert len(echo.released) == 1


def test_an_error_goes_to_those_of_its_batch_alone() -> None:
    echo = Echo()

    def fail() -> None:
        raise ZeroDivisionError("this job")

    with pytest.raises(ZeroDivisionError, match="this job"):
        echo.owner.do(fail)
    assert echo.owner.do(lambda: 7) == 7
    assert echo.owner.search(queries(3, 2), 1, 1)[0].tolist() == [[3], [4]]
    echo.owner.stop()


def test_an_owner_that_did_nothing_has_no_thread() -> None:
    before = threading.active_count()
    Echo().owner.stop()
    assert threading.active_count() == before
