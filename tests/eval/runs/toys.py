"""The gate's questions, and runs over them in a process of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from tersus.eval.runs import RunSpec
from tersus.eval.runs.run import open_run

QUESTIONS = Path(__file__).parents[1] / "gate_data" / "questions.jsonl"
NAME = "questions"


def spec(**changes: Any) -> RunSpec:
    values: dict[str, Any] = {
        "datasets": (str(QUESTIONS),), "compressors": ("none", "bm25", "head"),
        "budgets": ("adaptive", "0.25"),        "readers": ("none",), "batch": 5,
    }  # fmt: skip
    return RunSpec(**(values | changes))


def run(folder: Path, description: RunSpec | None = None, workers: int = 1) -> Path:
    with open_run(folder, description or spec(), workers=workers) as opened:
        opened.execute()
    return folder


def start(folder: Path, workers: int = 1) -> subprocess.Popen[bytes]:
    """The same run in a process that can be killed."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\nfrom toys import run\n"
        "if __name__ == '__main__': run(Path(sys.argv[2]), workers=int(sys.argv[3]))\n"
    )
    script = folder.with_suffix(".py")
    script.write_text(code, encoding="utf-8")
    here = str(Path(__file__).parent)
    return subprocess.Popen([sys.executable, str(script), here, str(folder), str(workers)])
