"""What the allocator is told: in a process of its own, for it cannot be taken back."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, sys, time
from tersus.service.http.memory import hold_less

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = libc.free.argtypes = [ctypes.c_size_t]

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096

took = hold_less(0.05) if sys.argv[1] == "yes" else None
before = resident()
pieces = [libc.malloc(50_000) for _ in range(4000)]  # 200 MB, none of them a mapping of its own
for piece in pieces:
    ctypes.memset(piece, 1, 50_000)
for piece in pieces[:-1]:  # the last one keeps all of them from being cut off at the end
    libc.free(piece)
began = time.process_time()
while time.process_time() - began < 1.2:  # work
    pass
deadline = time.monotonic() + (10 if took else 0.5)
while resident() - before > 20e6 and time.monotonic() < deadline:
    time.sleep(0.05)
print(took, resident() - before < 20e6)
"""

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")


def said(told: str, **more: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    command = [sys.executable, "-c", PROGRAM, told]
    done = subprocess.run(
        command, env={**environment, **more}, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


@glibc
def test_what_is_freed_is_given_back_while_there_is_work() -> None:
    assert said("no") == "None False"
    assert said("yes") == "True True"


@glibc
def test_what_the_environment_decided_stays() -> None:
    assert said("yes", MALLOC_ARENA_MAX="8") == "False False"
