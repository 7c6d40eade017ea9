"""A long mixed load with more clients than the service works for at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from .ledger import Audit, audit
from .mix import Load, Noted, fill
from .server import Served
from .upstream import Upstream

__all__ = ["Soak", "soak"]

_AT_ONCE = 24  # fewer than clients: the service is saturated and refuses some


@dataclass(frozen=True, slots=True)
class Soak:
    """Resident MiB at the end of the first fifth (warm) and over the last tenth; requests by status."""

    seconds: float
    requests: int
    refused: int
    errors: int
    formless: int
    answers: int
    lost: int
    wrong: int
    memory_start_mb: float
    memory_end_mb: float
    memory_growth: float
    codes: dict[str, int]


def soak(home: Path, *, seconds: float = 600, clients: int = 32, say: Callable[[str], None] = print) -> Soak:
    """Run the load with a service of our own in ``home``. Raises NotServing."""
    with Upstream() as upstream:
        environment = {
            "TERSUS_LLM_BASE_URL": upstream.url,
            "TERSUS_LLM_MODEL": "fake",
            "TERSUS_TOKENIZER": "cl100k",
            "TERSUS_SERVE_MAX_AT_ONCE": str(_AT_ONCE),
        }
        served = Served(home, environment).start()
        try:
            fill(served.url)
            noted, memory = asyncio.run(_run(served, seconds, clients, say))
        finally:
            served.stop()
    checked = audit(f"sqlite:///{home / 'tersus.db'}", noted.answers)
    return _summed(seconds, noted, checked, memory)


async def _run(
    served: Served, seconds: float, clients: int, say: Callable[[str], None]
) -> tuple[Noted, list[float]]:
    load = Load(served.url)
    running = asyncio.ensure_future(load.run(clients))
    memory, started, said = [], time.monotonic(), 0.0
    while (passed := time.monotonic() - started) < seconds:
        await asyncio.sleep(min(1.0, seconds / 100))
        memory.append(served.memory() / 2**20)
        if passed - said >= 30:
            said = passed
            say(f"{passed:.0f} s: {sum(load.noted.statuses.values())} requests, {memory[-1]:.0f} MiB")
    load.stop = True
    return await running, memory


def _summed(seconds: float, noted: Noted, checked: Audit, memory: list[float]) -> Soak:
    tenth = max(1, len(memory) // 10)
    start, end = mean(memory[2 * tenth : 3 * tenth] or memory), mean(memory[-tenth:])
    refused = sum(n for (_, status), n in noted.statuses.items() if status == 429)
    torn = sum(n for code, n in noted.codes.items() if code.endswith(("torn", "error event")))
    return Soak(
        seconds=seconds,
        requests=sum(noted.statuses.values()),
        refused=refused,
        errors=noted.errors() + torn,
        formless=len(noted.formless),
        answers=len(noted.answers),
        lost=len(checked.lost),
        wrong=len(checked.wrong),
        memory_start_mb=start,
        memory_end_mb=end,
        memory_growth=end / start - 1,
        codes=dict(noted.codes) | {f"broken {kind}": n for kind, n in noted.broken.items()},
    )
