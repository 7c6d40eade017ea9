"""Calls with a time limit: results and errors pass, what hangs is given up and cannot pile up."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from tersus.rag.timelimit import TimeLimitExceeded, run_with_limit

LIMIT = 0.05


@pytest.fixture
def hanging() -> Iterator[Callable[[], Any]]:
    """A call that hangs until the test is over."""
    release = threading.Event()

    def hang() -> str:
        release.wait(60)
        return "late"

    yield hang
    release.set()


def test_the_result_is_handed_over() -> None:
    assert run_with_limit(lambda: 7, 30, "seven") == 7


@pytest.mark.parametrize("error", [ValueError("no"), TimeoutError("its own"), KeyError(3), SystemExit(4)])
def test_an_error_of_the_call_is_raised_as_it_is(error: BaseException) -> None:
    def call() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        run_with_limit(call, 30, "an error")
    assert caught.value is error


def test_a_call_that_takes_too_long_is_given_up_in_a_daemon_thread(hanging: Callable[[], Any]) -> None:
    seen: list[threading.Thread] = []

    def call() -> Any:
        seen.append(threading.current_thread())
        return hanging()

    with pytest.raises(TimeLimitExceeded, match=r"patience took longer than 0\.05 s") as caught:
        run_with_limit(call, LIMIT, "patience")
    assert caught.value.code == "time_limit"
    assert seen[0].is_alive()
    assert seen[0].daemon  # it does not keep the process from ending


def test_the_ninth_is_refused_while_eight_hang_and_goes_through_once_they_are_back() -> None:
    release = threading.Event()

    def hang() -> None:
        release.wait(60)

    for _ in range(8):
        with pytest.raises(TimeLimitExceeded, match="took longer"):
            run_with_limit(hang, LIMIT, "a model")
    called: list[int] = []
    with pytest.raises(TimeLimitExceeded, match="8 earlier calls"):
        run_with_limit(partial(called.append, 1), 30, "a model")
    assert called == []
    release.set()
    for _ in range(1000):  # until those eight are back
        with suppress(TimeLimitExceeded):
            run_with_limit(partial(called.append, 2), 30, "a model")
            break
        time.sleep(0.01)
    assert called == [2]


def test_a_compressor_that_hangs_does_not_keep_a_model_from_being_called(hanging: Callable[[], Any]) -> None:
    for _ in range(8):
        with pytest.raises(TimeLimitExceeded):
            run_with_limit(hanging, LIMIT, "compression with x")
    assert run_with_limit(lambda: "answer", 30, "another model") == "answer"


def test_context_variables_are_seen_and_not_changed_outside() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    variable.set("outside")

    def call() -> str:
        seen = variable.get()
        variable.set("inside")
        return seen

    assert run_with_limit(call, 30, "a variable") == "outside"
    assert variable.get() == "outside"
