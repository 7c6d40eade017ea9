"""A head of JSON and some parts of bytes, as one: little-endian uint64 lengths, then the parts."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .base import InvalidDump

__all__ = ["pack", "unpack"]

_COUNT = struct.Struct("<Q")


def pack(head: Mapping[str, Any], parts: Sequence[memoryview | NDArray[np.uint8]]) -> memoryview:
    """All in one buffer, copied."""
    arrays = [np.frombuffer(part, np.uint8) for part in (json.dumps(head).encode(), *parts)]
    blobs = [array.data for array in arrays]
    lengths = b"".join(_COUNT.pack(n) for n in (len(blobs), *(blob.nbytes for blob in blobs)))
    buffer = np.empty(len(lengths) + sum(blob.nbytes for blob in blobs), dtype=np.uint8)
    place = 0
    for blob in (memoryview(lengths), *blobs):
        buffer[place : place + blob.nbytes] = np.frombuffer(blob, np.uint8)
        place += blob.nbytes
    return buffer.data


def unpack(payload: memoryview) -> tuple[dict[str, Any], list[memoryview]]:
    """The head and the parts, not copied; raises InvalidDump where the lengths contradict the payload."""
    size = _COUNT.size
    count = _COUNT.unpack_from(payload)[0] if payload.nbytes >= size else 0
    if not 0 < count <= 16 or payload.nbytes < size * (1 + count):
        raise InvalidDump(f"{payload.nbytes} bytes are no dump of this kind")
    lengths = [_COUNT.unpack_from(payload, size * (1 + i))[0] for i in range(count)]
    place = size * (1 + count)
    if place + sum(lengths) != payload.nbytes:
        raise InvalidDump("the dump's parts do not add up to it")
    parts = []
    for length in lengths:
        parts.append(payload[place : place + length])
        place += length
    try:
        head = json.loads(bytes(parts[0]))
    except ValueError as error:
        raise InvalidDump(f"the dump's head is no JSON: {error}") from error
    if not isinstance(head, dict):
        raise InvalidDump("the dump's head is no JSON object")
    return head, parts[1:]
