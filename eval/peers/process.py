"""A process of another Python interpreter that answers questions, a line of JSON each."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from ...errors import NotInstalled, TersusError

__all__ = ["PeerFailed", "PeerProcess"]

_LAST_WORDS = 2000  # characters of what the process wrote to its standard error


class PeerFailed(TersusError):
    """The other project's code raised, died or said what is no JSON."""

    code = "peer_failed"


class PeerProcess:
    """``command``, started when it is first asked, and again where it died; one question at a time.

    It reads lines of JSON and answers each with one: ``{"value": …}`` or ``{"error": "…"}``. Safe to share
    between threads and to carry into other processes, each of which starts its own.
    """

    def __init__(self, command: Sequence[str | os.PathLike[str]]) -> None:
        self.command = [os.fspath(part) for part in command]
        self._forget()

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._said: IO[bytes] | None = None
        self._heard = ""

    def __getstate__(self) -> list[str]:
        return self.command

    def __setstate__(self, state: list[str]) -> None:
        self.command = state
        self._forget()

    def ask(self, question: object) -> Any:
        """Its answer.

        Raises:
            NotInstalled: there is no such interpreter.
            PeerFailed: it could not answer; what it said of that is in the message.
        """
        with self._lock:
            process = self._running()
            assert process.stdin  # noqa: S101 - for the type checker
            assert process.stdout  # noqa: S101
            try:
                process.stdin.write(json.dumps(question) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
                answer = json.loads(line) if line.endswith("\n") else None
            except (OSError, ValueError):
                answer = None
            except BaseException:  # interrupted: its answer must not be taken for that to the next question
                self._end()
                raise
            if isinstance(answer, dict) and "value" in answer:
                return answer["value"]
            if isinstance(answer, dict) and "error" in answer:
                raise PeerFailed(str(answer["error"])[-_LAST_WORDS:])
            raise PeerFailed(f"{Path(self.command[0]).name} gave no answer: {self._last_words()}")

    def close(self) -> None:
        """End the process; it is started again where it is asked again."""
        with self._lock:
            self._end()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._said = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
            try:
                self._process = subprocess.Popen(  # noqa: S603 - the interpreter is the user's choice
                    self.command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._said,
                    encoding="utf-8",
                )
            except OSError as error:
                raise NotInstalled(
                    f"{self.command[0]} cannot be run: {error.strerror}", hint="give the path of a Python"
                ) from error
        return self._process

    def _last_words(self) -> str:
        self._end()
        return self._heard[-_LAST_WORDS:].strip() or "it ended without a word"

    def _end(self) -> None:
        process, said = self._process, self._said
        self._process = self._said = None
        if process is not None:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):  # the other end is gone, with a line unread
                        pipe.close()
            try:
                process.wait(timeout=1)  # it ends with its input
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if said is not None:
            said.seek(0)
            self._heard = said.read().decode("utf-8", "replace")
            said.close()

    def __del__(self) -> None:
        if getattr(self, "_process", None) is not None:
            self._end()
