"""A short name for the exact weights that made a vector or a score."""

from __future__ import annotations

import hashlib
from pathlib import Path

from .store import MANIFEST

__all__ = ["fingerprint_folder"]

# Everything that changes what a model answers: architecture, weights, tokeniser, pooling.
_PATTERNS = (
    "config.json",
    "*.safetensors",
    "tokenizer.json",
    "vocab.txt",
    "*.model",
    "*_Pooling/config.json",
)


def fingerprint_folder(folder: Path) -> str:
    """Twelve hexadecimal digits of the SHA-256 over the model's files in ``folder``.

    A converted folder is known by its manifest instead, because a converter of
    another version may lay out the same weights in other bytes.
    """
    digest = hashlib.sha256()
    manifest = folder / MANIFEST
    files = [manifest] if manifest.is_file() else sorted({f for p in _PATTERNS for f in folder.glob(p)})
    for file in files:
        digest.update(file.relative_to(folder).as_posix().encode() + b"\0")
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:12]
