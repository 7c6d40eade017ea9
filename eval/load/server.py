"""A service of our own: ``tersus serve`` in a process, over a folder or database of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import httpx

from ...errors import TersusError

__all__ = ["NotServing", "Served", "free_port"]


class NotServing(TersusError):
    """The service did not come up; the end of its log says why."""

    code = "not_serving"


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Served:
    """``tersus serve`` on a free port of 127.0.0.1, until the ``with`` ends; its log in ``home/serve.log``.

    Args:
        home: TERSUS_HOME.
        environment: further variables.
        workers: processes.
    """

    def __init__(
        self,
        home: Path,
        environment: Mapping[str, str] | None = None,
        *,
        workers: int = 1,
        port: int | None = None,
    ) -> None:
        self.home = home
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._workers = workers
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 90) -> Served:
        """Start, and wait until it is ready. Raises NotServing."""
        self.home.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable, "-m", "tersus.service.cli", "serve",
            "--port", str(self.port), "--workers", str(self._workers), "--log-format", "json",
        ]  # fmt: skip
        environment = {**os.environ, "TERSUS_HOME": str(self.home), **self._environment}
        with (self.home / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                command, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return self
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        self.kill()
        raise NotServing(f"the service is not ready after {seconds:g} s", hint=self.log()[-800:])

    @property
    def pid(self) -> int:
        """Of the process that was started; with one worker it is the one that answers."""
        assert self._process is not None  # noqa: S101
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def memory(self) -> int:
        """Resident bytes of the process, by Linux's /proc."""
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        self._end(signal.SIGKILL, 10)

    def stop(self, seconds: float = 60) -> int:
        """SIGTERM, and the exit status once it has finished what it held."""
        return self._end(signal.SIGTERM, seconds)

    def log(self) -> str:
        """What it has logged."""
        path = self.home / "serve.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def _end(self, sent: signal.Signals, seconds: float) -> int:
        process = self._process
        if process is None:
            return 0
        if process.poll() is None:
            target = os.killpg if sent is signal.SIGKILL else os.kill
            target(process.pid, sent)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return process.wait(10)

    def __enter__(self) -> Served:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
