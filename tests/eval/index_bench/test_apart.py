"""Work in a process of its own: results, stages, and every way to end without one."""

from __future__ import annotations

import os
import time

import pytest
from tersus.errors import InvalidInput
from tersus.eval.index_bench.apart import ApartFailed, Tell, apart


def add(tell: Tell, left: int, right: int) -> tuple[int, int]:
    tell("adding")
    return left + right, os.getpid()


def refuse(tell: Tell) -> None:
    tell("looking")
    raise InvalidInput("no good", hint="another one")


def break_down(tell: Tell) -> None:
    raise RuntimeError("boom")


def die(tell: Tell) -> None:
    tell("dying")
    os._exit(7)


def sleep(tell: Tell) -> None:
    tell("sleeping")
    time.sleep(60)


def test_the_result_comes_from_another_process() -> None:
    stages: list[str] = []
    total, process = apart(add, 2, 3, tell=stages.append, limit=60)
    assert total == 5
    assert process != os.getpid()
    assert stages == ["adding"]


@pytest.mark.parametrize(
    ("work", "told"),
    [
        (refuse, "at stage 'looking': .invalid_input. no good .another one."),
        (break_down, "RuntimeError: boom"),
        (die, "ended with status 7 at stage 'dying'"),
    ],
)
def test_what_went_wrong_is_told(work: object, told: str) -> None:
    with pytest.raises(ApartFailed, match=told):
        apart(work, tell=lambda _: None, limit=60)  # type: ignore[arg-type]


def test_a_process_is_ended_when_its_time_is_up() -> None:
    began = time.monotonic()
    with pytest.raises(ApartFailed, match=r"at stage 'sleeping' .raise --limit-seconds"):
        apart(sleep, tell=lambda _: None, limit=10)
    assert time.monotonic() - began < 40
