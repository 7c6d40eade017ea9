"""What the allocator is told: in a process of its own, for it cannot be taken back."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, sys
from tersus.service.http.memory import hold_less

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = libc.free.argtypes = [ctypes.c_size_t]

def mapped():
    "Whether 4 MiB get a mapping of their own, after as much was freed once."
    libc.free(libc.malloc(8 << 20))  # by default this lets the threshold grow
    address = libc.malloc(4 << 20)
    header = ctypes.c_size_t.from_address(address - 8).value  # glibc's, its second bit says so
    libc.free(address)
    return bool(header & 2)

took = hold_less() if sys.argv[1] == "yes" else None
print(took, mapped())
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
def test_large_pieces_are_given_back_when_they_are_freed() -> None:
    assert said("no") == "None False"
    assert said("yes") == "True True"


@glibc
def test_what_the_environment_decided_stays() -> None:
    assert said("yes", MALLOC_ARENA_MAX="8") == "False False"
