"""The examples in docs/, run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tersus.compressors.models.store import ModelMissing, find_model

EXAMPLE = Path(__file__).parent.parent / "docs" / "examples" / "llamaindex_postprocessor.py"


@pytest.fixture(autouse=True)
def _local_model() -> None:
    try:
        find_model("smollm2")
    except ModelMissing:
        pytest.skip("needs the local model: tersus models install")


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), *arguments], capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "TOKENIZERS_PARALLELISM": "false"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_postprocessor_in_a_query_engine() -> None:
    out = run()
    assert re.search(r"^answer: \S", out, re.MULTILINE)
    assert "built in 1887" in out
    found = re.search(r"^tokens: (\d+) -> (\d+)$", out, re.MULTILINE)
    assert found is not None, out
    assert int(found[2]) < int(found[1])
