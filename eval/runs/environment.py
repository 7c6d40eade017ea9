"""On what a run was made: code, libraries, hardware. Figures without these say little."""

from __future__ import annotations

import hashlib
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

__all__ = ["code_hash", "environment"]

_ROOT = Path(__file__).resolve().parents[2]
_RUN = tuple(f"eval/runs/{name}.py" for name in ("work", "scoring", "readers", "local_answers", "judge"))
_SCORING = (
    "compressors", "eval/metrics", *_RUN, "eval/bench_run.py", "eval/remember.py", "rag/normalise.py",
    "eval/baselines.py", "eval/optimizer_baseline.py", "eval/random_baseline.py", "eval/peers",
)  # fmt: skip
"""What decides a score; the rest may change between two sittings of one run."""


def code_hash() -> str:
    """16 hex digits over the source of everything that decides a score."""
    found = hashlib.sha256()
    for part in _SCORING:
        root = _ROOT / part
        for file in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            found.update(file.relative_to(_ROOT).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()[:16]


def environment() -> dict[str, Any]:
    """Versions and hardware as JSON."""
    import torch

    cuda = torch.cuda.is_available()
    return {
        "tersus": version("tersus"),
        "code": code_hash(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": version("transformers"),
        "system": platform.platform(),
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if cuda else None,
        "date": datetime.now(UTC).date().isoformat(),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
