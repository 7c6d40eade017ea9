"""Work in a process of its own, which tells how far it is."""

from __future__ import annotations

import multiprocessing
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from ...errors import TersusError

__all__ = ["ApartFailed", "Tell", "apart"]

Tell = Callable[[str], None]
"""Called with the name of each stage as it begins."""


class ApartFailed(TersusError):
    """The process ended without a result, or was ended because its time was up."""

    code = "bench_process_failed"


def apart(work: Callable[..., Any], *given: Any, tell: Tell, limit: float) -> Any:
    """``work(tell, *given)`` in a new process; its result. The process is ended after ``limit`` seconds.

    ``work`` must be importable, arguments and result such as can be pickled.

    Raises:
        ApartFailed: it raised, died or took longer.
    """
    context = multiprocessing.get_context("spawn")
    mine, its = context.Pipe(duplex=False)
    process = context.Process(target=_inside, args=(its, work, given), daemon=True)
    process.start()
    its.close()
    until, stage = time.monotonic() + limit, "start"
    try:
        while mine.poll(max(0.0, until - time.monotonic())):
            try:
                what, value = mine.recv()
            except EOFError:
                process.join()
                raise ApartFailed(
                    f"the process ended with status {process.exitcode} at stage {stage!r}",
                    hint="it may have run out of memory: ask for fewer vectors",
                ) from None
            if what == "done":
                process.join()
                return value
            if what == "failed":
                raise ApartFailed(f"at stage {stage!r}: {value}")
            stage = value
            tell(stage)
        raise ApartFailed(f"more than {limit:.0f} seconds, at stage {stage!r}", hint="raise --limit-seconds")
    finally:
        if process.is_alive():
            process.kill()
        process.join()
        mine.close()


def _inside(pipe: Connection, work: Callable[..., Any], given: tuple[Any, ...]) -> None:
    try:
        said = ("done", work(lambda stage: pipe.send(("stage", stage)), *given))
    except TersusError as error:
        said = ("failed", f"[{error.code}] {error}")
    except Exception:  # noqa: BLE001 - whatever it was, the parent tells it
        said = ("failed", traceback.format_exc())
    with suppress(BrokenPipeError):  # the parent is gone: there is nobody to tell
        pipe.send(said)
