"""The parent's side of `readers_child`: one process for all files, replaced when one was too much for it."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from typing import IO, Any

from . import readers_errors
from .readers_errors import FileDamaged, FileRefused, ParserNotStarted

__all__ = ["DEFAULT_MAX_SECONDS", "parse"]

DEFAULT_MAX_SECONDS = 180.0
_FILES_PER_PROCESS = 200  # memory that parsers do not give back ends with the process
MAX_MEMORY = 3 * 1024**3
"""Bytes of address space for the process. BeautifulSoup takes some fifty times a page's size."""

_OUT_OF_MEMORY = 3  # the exit status that `readers_child` gives then
_MAX_ANSWER = 1 << 30
_CODES = {
    error.code: error
    for error in vars(readers_errors).values()
    if isinstance(error, type) and issubclass(error, FileRefused)
}


class _Worker:
    """One child process; `ask` is for one thread at a time."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.files = 0
        self.log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        command = [sys.executable, "-P", "-m", f"{__package__}.readers_child"]
        try:
            # A session of its own: Ctrl-C is for us, and its end of input follows ours.
            self.process = subprocess.Popen(  # noqa: S603 - our own module, no shell, no outside words
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.log,
                start_new_session=True,
            )
        except OSError as error:
            self.log.close()
            raise ParserNotStarted(
                f"{sys.executable} cannot be run: {error}", hint="check the installation"
            ) from error
        if self._receive() != {"ready": True}:
            self.process.kill()
            self.process.wait()
            self.log.seek(0)
            last = self.log.read()[-2000:].decode("utf-8", "replace").strip().rpartition("\n")[2]
            self.stop()
            raise ParserNotStarted(
                f"the parser process ended at its start: {last}",
                hint="reinstall tersus with its dependencies",
            )

    def ask(self, kind: str, data: bytes, seconds: float) -> dict[str, Any]:
        """The child's answer; raises FileDamaged where it died or did not come back in time."""
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            self.process.kill()

        timer = threading.Timer(seconds, expire)
        timer.daemon = True
        timer.start()
        try:
            self.files += 1
            header = {"kind": kind, "seconds": seconds, "memory": MAX_MEMORY}
            fields = self._exchange(json.dumps(header).encode(), data)
        finally:
            timer.cancel()
            timer.join()  # so that it cannot kill the process of the next file
        if fields is not None:
            return fields
        status = self.process.wait()
        if status == _OUT_OF_MEMORY:
            raise FileDamaged(
                f"needs more than {MAX_MEMORY:,} bytes of memory to parse", hint="split the file"
            )
        if expired.is_set() or status == -signal.SIGXCPU:  # the clock here, or the child's own limit
            raise FileDamaged(
                f"takes more than {seconds:g} seconds to parse",
                hint="split the file, or give read_file more max_seconds",
            )
        raise FileDamaged("brings the parser down", hint="open it in another program and save it anew")

    def _exchange(self, *frames: bytes) -> dict[str, Any] | None:
        assert self.process.stdin is not None  # noqa: S101 - both are pipes
        try:
            for frame in frames:
                self.process.stdin.write(struct.pack(">Q", len(frame)))
                self.process.stdin.write(frame)
            self.process.stdin.flush()
        except OSError:
            return None
        return self._receive()

    def _receive(self) -> dict[str, Any] | None:
        assert self.process.stdout is not None  # noqa: S101
        head = self.process.stdout.read(8)
        size = struct.unpack(">Q", head)[0] if len(head) == 8 else _MAX_ANSWER + 1
        body = self.process.stdout.read(size) if size <= _MAX_ANSWER else b""
        if len(body) != size:
            self.process.kill()
            return None
        fields: dict[str, Any] = json.loads(body)
        return fields

    def stop(self) -> None:
        """End the process and close its pipes."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):  # what was not sent yet has nobody to read it
                if pipe is not None:
                    pipe.close()
        self.log.close()


_lock = threading.Lock()
_worker: _Worker | None = None


def parse(kind: str, data: bytes, *, max_seconds: float = DEFAULT_MAX_SECONDS) -> dict[str, Any]:
    """Fields of a file of ``kind`` "pdf" or "html" (see `readers_child.parse`), parsed in another process.

    That process has limited memory and ``max_seconds``, so no file can hang or bring down this one. Files
    are parsed one at a time. Raises FileRefused of every kind that the parsers raise, and ParserNotStarted.
    """
    global _worker
    with _lock:
        if _worker is not None and _worker.process.poll() is not None:
            _worker.stop()
            _worker = None
        if _worker is None:
            _worker = _Worker()
        try:
            fields = _worker.ask(kind, data, max_seconds)
        except BaseException:  # after an interrupt as after a damaged file: the exchange is not finished
            _worker.stop()
            _worker = None
            raise
        if _worker.files >= _FILES_PER_PROCESS:
            _worker.stop()
            _worker = None
    if "error" in fields:
        raise _CODES.get(fields["error"], FileDamaged)(fields["message"], hint=fields["hint"])
    return fields


def _stop() -> None:
    if _worker is not None and _worker.owner == os.getpid():
        _worker.stop()


def _forget() -> None:
    # A forked child must not talk into its parent's pipes, nor wait for a lock whose holder it lacks.
    global _lock, _worker
    _lock, _worker = threading.Lock(), None


atexit.register(_stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
