"""What ``frugal`` keeps of the answers and of the meaning, beside random and worst-first selection."""

from __future__ import annotations
