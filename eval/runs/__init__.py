"""Evaluation runs: data sets x compressors x budgets x readers, to results that can be taken up again."""

from __future__ import annotations

from .errors import RunBusy, RunMismatch, RunMissing
from .spec import RunSpec, read_spec

__all__ = ["RunBusy", "RunMismatch", "RunMissing", "RunSpec", "read_spec"]
