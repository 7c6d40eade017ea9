"""``/v1/compress`` against the compressor in this process: throughput at many clients, overhead at one.

Both arms take turns over fresh requests, so that load from elsewhere and warming up fall on both.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ...compressors import Budget, load_compressor
from .clients import ask_all, ask_alone, percentile
from .material import asks
from .server import NotServing, Served

__all__ = ["Throughput", "measure"]


@dataclass(frozen=True, slots=True)
class Throughput:
    """Requests a second of both arms; milliseconds of the service's requests.

    ``ratio`` is the median over the rounds of service ÷ in process. ``overhead_ms`` is the median of what a
    request of one client took longer than the same one in process; ``outside_ms`` of what it took longer than
    the compressor within the service, by the service's own account (`seconds.compress` of its answer): the
    first swings with the compressor's seconds, which are a hundred times as many, the second does not.
    """

    compressor: str
    clients: int
    requests: int
    rounds: int
    in_process_rate: float
    service_rate: float
    ratio: float
    p50_ms: float
    p99_ms: float
    alone_p50_ms: float
    in_process_p50_ms: float
    overhead_ms: float
    outside_ms: float


def measure(
    home: Path,
    *,
    compressor: str = "exit",
    ratio: float = 0.25,
    clients: int = 16,
    requests: int = 64,
    rounds: int = 3,
) -> Throughput:
    """Measure with a service of our own in ``home``.

    Raises:
        NotServing: it did not start, or a request was not answered 200.
    """
    inner = load_compressor(compressor)
    budget = Budget(ratio=ratio)
    own: list[list[float]] = []
    alone: list[list[float]] = []
    outside: list[float] = []
    rates: list[tuple[float, float]] = []
    times: list[float] = []
    # Both arms count tokens alike: as a compressor does where it is not told otherwise.
    with Served(home, {"TERSUS_TOKENIZER": "cl100k"}) as served:
        for number in range(rounds + 1):
            bodies = asks(requests, seed=number)
            taken = []
            for ask in bodies:
                started = time.perf_counter()
                inner.compress(ask.query, list(ask.passages), budget)
                taken.append(time.perf_counter() - started)
            sent = [ask.body(compressor=compressor, budget={"ratio": ratio}) for ask in bodies]
            single = ask_alone(served.port, "/v1/compress", sent[: requests // 2])
            many = ask_all(
                served.url,
                "/v1/compress",
                [
                    ask.body(compressor=compressor, budget={"ratio": ratio})
                    for ask in asks(requests, seed=1000 + number)
                ],
                clients,
            )
            statuses = {status for _, status, _ in single} | set(many.statuses)
            if statuses != {200}:
                raise NotServing(f"answers came with statuses {statuses}", hint=served.log()[-500:])
            if number == 0:
                continue  # warming up
            own.append(taken[: requests // 2])
            alone.append([seconds for seconds, _, _ in single])
            outside += [seconds - answer["seconds"]["compress"] for seconds, _, answer in single]
            times += many.seconds
            rates.append((requests / sum(taken), many.rate))
    here, there = [t for r in own for t in r], [t for r in alone for t in r]
    return Throughput(
        compressor=compressor,
        clients=clients,
        requests=requests,
        rounds=rounds,
        in_process_rate=median(rate for rate, _ in rates),
        service_rate=median(rate for _, rate in rates),
        ratio=median(service / process for process, service in rates),
        p50_ms=1000 * percentile(times, 0.5),
        p99_ms=1000 * percentile(times, 0.99),
        alone_p50_ms=1000 * percentile(there, 0.5),
        in_process_p50_ms=1000 * percentile(here, 0.5),
        overhead_ms=1000
        * median(
            b - a for mine, theirs in zip(own, alone, strict=True) for a, b in zip(mine, theirs, strict=True)
        ),
        outside_ms=1000 * median(outside),
    )
