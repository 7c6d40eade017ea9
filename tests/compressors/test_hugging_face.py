"""transformers, asked for while another thread imports it: in processes of their own."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys, threading, time
import torch
from pathlib import Path
from tersus.compressors.models.hugging_face import whole_transformers
from tersus.compressors.models.runtime import loading

def first():
    import transformers

thread = threading.Thread(target=first)
thread.start()
while "transformers" not in sys.modules:
    time.sleep(0)
print(sys.modules["transformers"].__spec__._initializing)
{then}
thread.join()
"""


@pytest.mark.parametrize(
    "then",
    ["print(whole_transformers().AutoConfig.__name__)", "with loading(Path('x'), 'x'): print('AutoConfig')"],
)
def test_a_thread_that_comes_while_another_imports_it_gets_all_of_it(then: str) -> None:
    command = [sys.executable, "-c", PROGRAM.format(then=then)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout.split(), done.returncode) == (["True", "AutoConfig"], 0), done.stderr
