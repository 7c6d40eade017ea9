"""The metrics file that training leaves beside the weights."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

__all__ = ["METRICS", "hardware", "write_metrics"]

METRICS = "metrics.json"


def hardware(device: torch.device) -> dict[str, Any]:
    """On what it ran: for people who compare times and figures."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {
        "device": name,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def write_metrics(folder: Path, values: Mapping[str, Any]) -> Path:
    """Write ``metrics.json`` with the moment (UTC) of writing; returns its path."""
    path = folder / METRICS
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    path.write_text(json.dumps({"finished": moment, **values}, indent=2) + "\n", encoding="utf-8")
    return path


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
