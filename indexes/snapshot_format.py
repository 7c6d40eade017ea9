"""The layout of a snapshot file, and the check that it is whole.

Little-endian: 8 bytes magic, uint32 format version, uint32 length of the metadata, uint64
length of the payload, metadata (JSON, UTF-8), payload (in the index's own format), SHA-256
of all before it. In every format version the last 32 bytes are that checksum.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ..errors import TersusError

__all__ = [
    "DIGEST_SIZE",
    "FORMAT_VERSION",
    "REBUILD",
    "SnapshotDamaged",
    "SnapshotInfo",
    "SnapshotMissing",
    "SnapshotTooNew",
    "SnapshotUnreadable",
    "encode",
    "verify",
]

FORMAT_VERSION = 1
DIGEST_SIZE = hashlib.sha256().digest_size
REBUILD = "build the index again from the database and save a new snapshot"

_MAGIC = b"TERSUSIX"
_HEAD = struct.Struct("<8sIIQ")
_CHUNK = 1 << 20
_FIELDS: dict[str, type] = {
    "kind": str,
    "dimension": int,
    "count": int,
    "sequence": int,
    "embedding_model": str,
    "created": str,
}


class SnapshotUnreadable(TersusError):
    """The snapshot cannot be read; base class of the reasons why."""

    code = "snapshot_unreadable"


class SnapshotMissing(SnapshotUnreadable):
    """There is no file at that path."""

    code = "snapshot_missing"


class SnapshotDamaged(SnapshotUnreadable):
    """The file is not what was saved: cut off, changed, or no snapshot at all."""

    code = "snapshot_damaged"


class SnapshotTooNew(SnapshotDamaged):
    """The file is whole, and of a format version that this release does not know."""

    code = "snapshot_too_new"


@dataclass(frozen=True)
class SnapshotInfo:
    """What a snapshot holds.

    sequence: number of the last change that is sure to be in it.
    embedding_model: whose vectors it holds; they do not compare with another model's.
    created: ISO 8601, UTC.
    """

    kind: str
    dimension: int
    count: int
    sequence: int
    embedding_model: str
    created: str
    format_version: int = FORMAT_VERSION


def encode(info: SnapshotInfo, payload: memoryview) -> Iterator[bytes | memoryview]:
    """The file's bytes, in parts."""
    metadata = json.dumps({name: getattr(info, name) for name in _FIELDS}).encode()
    head = _HEAD.pack(_MAGIC, FORMAT_VERSION, len(metadata), payload.nbytes)
    digest = hashlib.sha256()
    for part in (head, metadata, payload):
        digest.update(part)
        yield part
    yield digest.digest()


def verify(file: BinaryIO, size: int) -> tuple[SnapshotInfo, int]:
    """Check all ``size`` bytes of ``file``; returns the metadata and where the payload starts.

    Raises:
        SnapshotDamaged, SnapshotTooNew: with a message that starts after the file's name.
    """
    if size < _HEAD.size + DIGEST_SIZE:
        raise SnapshotDamaged(f"has only {size} bytes", hint=REBUILD)
    head = file.read(_HEAD.size)
    if not head.startswith(_MAGIC):
        raise SnapshotDamaged("does not start as a snapshot does", hint=REBUILD)
    digest, left = hashlib.sha256(head), size - _HEAD.size - DIGEST_SIZE
    while left and (chunk := file.read(min(left, _CHUNK))):
        digest.update(chunk)
        left -= len(chunk)
    if left or file.read(DIGEST_SIZE) != digest.digest():
        raise SnapshotDamaged("does not match its checksum", hint=REBUILD)
    # From here on the file is what was written; the rest guards against its writer's mistakes.
    _, version, metadata_size, payload_size = _HEAD.unpack(head)
    if version > FORMAT_VERSION:
        raise SnapshotTooNew(
            f"has format version {version}, this release reads up to {FORMAT_VERSION}",
            hint=f"upgrade Tersus, or {REBUILD}",
        )
    start = _HEAD.size + metadata_size
    if version < 1 or start + payload_size + DIGEST_SIZE != size:
        raise SnapshotDamaged("has a header that contradicts its size", hint=REBUILD)
    file.seek(_HEAD.size)
    return _parse(file.read(metadata_size), version), start


def _parse(metadata: bytes, version: int) -> SnapshotInfo:
    try:
        fields = json.loads(metadata)
    except (ValueError, RecursionError) as error:
        raise SnapshotDamaged(f"has metadata that is no JSON: {error}", hint=REBUILD) from error
    if not isinstance(fields, dict):
        raise SnapshotDamaged("has metadata that is no JSON object", hint=REBUILD)
    for name, kind in _FIELDS.items():
        value: object = fields.get(name)
        if type(value) is not kind or (isinstance(value, int) and value < 0):
            raise SnapshotDamaged(f"has {name} = {value!r} in its metadata", hint=REBUILD)
    return SnapshotInfo(**{name: fields[name] for name in _FIELDS}, format_version=version)
