"""How much of people's texts the ledger holds.

``hash`` tells equal texts from different ones without holding them. A short question can be found by
hashing likely ones: where that matters, use ``none``.
"""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Literal

__all__ = ["LedgerText", "redacted"]

LedgerText = Literal["full", "hash", "none"]


def redacted(text: str, mode: LedgerText) -> str:
    """``text``, its SHA-256 (``sha256:`` and hex, of NFC in UTF-8), or nothing."""
    if mode == "full":
        return text
    if mode == "none" or not text:
        return ""
    data = unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
