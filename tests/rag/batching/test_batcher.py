"""One worker for many callers: what is merged, what is refused, and that nobody is forgotten."""

from __future__ import annotations

import logging
import sys
import threading
import time
from concurrent.futures import wait
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from tersus.rag.batching import BatchLimits, Closed, Overloaded, WorkerDied
from tersus.rag.batching.batcher import Batcher
from tersus.rag.cancel import Cancelled, CancelToken

from tests.rag.batching.crowd import Crowd, Gate, queued, until


def held_up(gate: Gate, crowd: Crowd, **limits: Any) -> tuple[Batcher[Any, Any], Any]:
    """A batcher whose worker stands in its first batch, that of ask 0."""
    batcher: Batcher[Any, Any] = Batcher("test", gate, BatchLimits(**limits))
    first = crowd.call(batcher.submit, 0)
    assert gate.entered.wait(10)
    return batcher, first


def test_what_arrives_while_a_batch_is_worked_on_is_the_next_batch(crowd: Crowd) -> None:
    gate = Gate(closed=True)
    batcher, first = held_up(gate, crowd)
    others = []
    for number in range(1, 9):
        others.append(crowd.call(batcher.submit, number))
        queued(batcher, number)
    gate.open.set()
    assert first.result(10) == 0
    assert [one.result(10) for one in others] == [2 * n for n in range(1, 9)]
    assert gate.batches == [[0], [*range(1, 9)]]
    assert (batcher.stats.batches, batcher.stats.requests, batcher.stats.queue) == (2, 9, 0)
    assert batcher.stats.size == 4.5


def test_only_equal_kinds_are_merged_and_the_first_in_the_queue_is_served_first(crowd: Crowd) -> None:
    gate = Gate(closed=True)
    batcher, _ = held_up(gate, crowd, wait=0)
    for number, kind in enumerate("abab", 1):
        crowd.call(batcher.submit, number, kind=kind)
        queued(batcher, number)
    gate.open.set()
    crowd.close()
    assert gate.batches == [[0], [1, 3], [2, 4]]


def test_a_batch_has_no_more_tokens_than_it_may_but_always_one_request(crowd: Crowd) -> None:
    gate = Gate(closed=True)
    batcher, _ = held_up(gate, crowd, tokens=10, wait=0)
    for number, tokens in enumerate([4, 4, 4, 50], 1):
        crowd.call(batcher.submit, number, tokens=tokens)
        queued(batcher, number)
    gate.open.set()
    crowd.close()
    assert gate.batches == [[0], [1, 2], [3], [4]]


def test_slow_work_is_done_in_small_batches(crowd: Crowd) -> None:
    gate = Gate(closed=True)
    batcher, _ = held_up(gate, crowd, seconds=0.01, wait=0)
    for number in range(1, 4):
        crowd.call(batcher.submit, number)
        queued(batcher, number)
    time.sleep(0.05)  # one token took longer than a batch should
    gate.open.set()
    crowd.close()
    assert gate.batches[1] == [1]


def test_a_full_queue_refuses_at_once_and_says_when_to_come_again(crowd: Crowd) -> None:
    gate = Gate(closed=True)
    batcher, _ = held_up(gate, crowd, queue=2)
    waiting = [crowd.call(batcher.submit, n) for n in (1, 2)]
    queued(batcher, 2)
    with pytest.raises(Overloaded) as refused:
        batcher.submit(3)
    assert refused.value.code == "overloaded"
    assert 0 < refused.value.retry_after <= 60
    patient = crowd.call(batcher.submit, 4, bounded=False)
    queued(batcher, 3)
    gate.open.set()
    assert [one.result(10) for one in (*waiting, patient)] == [2, 4, 8]
    assert batcher.stats.refused == 1
    assert batcher.submit(5) == 10  # there is room again


def test_a_failing_request_fails_alone(crowd: Crowd) -> None:
    gate = Gate(closed=True)
    gate.errors = {2: KeyError("two"), 4: SystemExit(4)}
    batcher, _ = held_up(gate, crowd)
    found = []
    for number in range(1, 6):
        found.append(crowd.call(batcher.submit, number))
        queued(batcher, number)
    gate.open.set()
    wait(found, 10)
    assert [found[n].result() for n in (0, 2, 4)] == [2, 6, 10]
    assert found[1].exception() is gate.errors[2]
    assert isinstance(found[3].exception(), RuntimeError)  # a thread must not end by somebody's SystemExit
    assert gate.batches[1:] == [[1, 2, 3, 4, 5], [1], [2], [3], [4], [5]]
    assert (batcher.stats.alone, batcher.stats.deaths) == (5, 0)


def test_a_wrong_number_of_answers_is_an_error_and_nobody_gets_anothers(crowd: Crowd) -> None:
    entered, go = threading.Event(), threading.Event()

    def work(asks: Any) -> list[Any]:
        entered.set()
        go.wait(10)
        return [ask for ask in asks if ask != 2]

    batcher: Batcher[int, int] = Batcher("test", work)
    crowd.call(batcher.submit, 0)
    assert entered.wait(10)
    found = [crowd.call(batcher.submit, n) for n in (1, 2, 3)]
    queued(batcher, 3)
    go.set()
    assert (found[0].result(10), found[2].result(10)) == (1, 3)
    with pytest.raises(RuntimeError, match="0 answers to 1 requests"):
        found[1].result(10)


def test_who_gave_up_is_skipped_and_its_place_is_free(crowd: Crowd) -> None:
    gate = Gate(closed=True)
    batcher, _ = held_up(gate, crowd, queue=2)
    token = CancelToken()
    gone = crowd.call(batcher.submit, 1, token=token)
    stays = crowd.call(batcher.submit, 2, token=CancelToken())
    queued(batcher, 2)
    token.cancel()
    with pytest.raises(Cancelled):
        gone.result(10)  # at once, though the worker is still held up
    queued(batcher, 1)
    late = crowd.call(batcher.submit, 3)
    queued(batcher, 2)
    gate.open.set()
    assert (stays.result(10), late.result(10)) == (4, 6)
    assert gate.batches == [[0], [2, 3]]
    assert batcher.stats.skipped == 1


def test_who_gives_up_while_being_worked_on_does_not_wait_and_harms_nobody(crowd: Crowd) -> None:
    gate = Gate(closed=True)
    token = CancelToken()
    batcher: Batcher[int, int] = Batcher("test", gate)
    gone = crowd.call(batcher.submit, 1, token=token)
    assert gate.entered.wait(10)
    token.cancel()
    with pytest.raises(Cancelled):
        gone.result(10)
    gate.open.set()
    assert batcher.submit(2) == 4


def test_closing_finishes_what_is_held_and_takes_nothing_more(crowd: Crowd) -> None:
    gate = Gate(closed=True)
    batcher, first = held_up(gate, crowd, wait=1)
    others = [crowd.call(batcher.submit, n) for n in range(1, 4)]
    queued(batcher, 3)
    closing = crowd.call(batcher.close)
    until(lambda: batcher._closed)
    with pytest.raises(Closed):
        batcher.submit(9)
    gate.open.set()
    closing.result(10)
    assert first.result(10) == 0
    assert sorted(one.result(10) for one in others) == [2, 4, 6]


def test_closing_waits_no_longer_than_told_and_says_so_to_those_who_wait(
    crowd: Crowd, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate(closed=True)
    batcher, first = held_up(gate, crowd)
    other = crowd.call(batcher.submit, 1)
    queued(batcher, 1)
    batcher.close(0.02)
    for lost in (first, other):
        with pytest.raises(Closed):
            lost.result(10)
    assert "left behind" in caplog.text
    gate.open.set()


def test_a_dead_worker_is_told_to_all_it_held_and_replaced(
    crowd: Crowd, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(closed=True)
    batcher, first = held_up(gate, crowd)
    other = crowd.call(batcher.submit, 1)
    queued(batcher, 1)
    with monkeypatch.context() as broken, caplog.at_level(logging.CRITICAL):
        broken.setattr(batcher._pace, "note", lambda *_: 1 / 0)  # a defect of our own code
        gate.open.set()
        for lost in (first, other):
            with pytest.raises(WorkerDied) as died:
                lost.result(10)
            assert died.value.code == "worker_died"
        until(lambda: batcher.stats.deaths == 1)
    assert "2 requests" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert batcher.submit(5) == 10


def test_a_worker_that_vanished_is_noticed_by_the_next_request(caplog: pytest.LogCaptureFixture) -> None:
    batcher: Batcher[int, int] = Batcher("test", Gate())
    assert batcher.submit(1) == 2
    vanished = threading.Thread(target=lambda: None)  # as after a fork: known, and not alive
    batcher._thread = vanished
    assert batcher.submit(2) == 4
    assert batcher.stats.deaths == 1
    assert "died" in caplog.text


def test_a_caller_who_is_alone_does_not_wait_for_others() -> None:
    batcher: Batcher[int, int] = Batcher("test", Gate(), BatchLimits(wait=1.0))
    started = time.perf_counter()
    for number in range(20):
        assert batcher.submit(number) == 2 * number
    assert time.perf_counter() - started < 0.5
    assert batcher.stats.batches == 20


def test_those_whom_a_batch_answered_are_waited_for(crowd: Crowd) -> None:
    gate = Gate(closed=True)
    batcher, _ = held_up(gate, crowd, wait=5)
    first = [crowd.call(batcher.submit, n) for n in (1, 2)]
    queued(batcher, 2)
    gate.open.set()
    wait(first, 10)
    again = crowd.call(batcher.submit, 3)
    queued(batcher, 1)  # held open, for two came before
    other = crowd.call(batcher.submit, 4)
    assert (again.result(4), other.result(4)) == (6, 8)
    assert gate.batches[2] == [3, 4]


def test_an_idle_worker_ends_and_the_next_request_starts_another() -> None:
    batcher: Batcher[int, int] = Batcher("test", Gate(), BatchLimits(idle=0.02))
    assert batcher.submit(1) == 2
    first = batcher._thread
    until(lambda: batcher._thread is None)
    assert batcher.submit(2) == 4
    assert batcher._thread is not first
    assert batcher.stats.deaths == 0


def test_many_callers_each_get_their_own_answer(crowd: Crowd) -> None:
    batcher: Batcher[int, int] = Batcher("test", Gate(), BatchLimits(queue=1000, wait=0.001))
    found = [crowd.call(batcher.submit, n, kind=n % 3, tokens=n) for n in range(1, 500)]
    assert [one.result(20) for one in found] == [2 * n for n in range(1, 500)]
    assert batcher.stats.requests == 499
    batcher.close()


def test_a_worker_lives_on_while_torch_is_being_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = ModuleType("torch")
    monkeypatch.setitem(sys.modules, "torch", begun)
    batcher: Batcher[int, int] = Batcher("test", list)
    assert batcher.submit(7) == 7
    begun.cuda = SimpleNamespace(is_available=lambda: True)  # type: ignore[attr-defined]
    assert BatchLimits().room(None) == 65_536
    assert batcher.submit(8) == 8
    batcher.close()
