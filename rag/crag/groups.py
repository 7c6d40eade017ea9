"""Which group a passage belongs to."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidInput
from ..ledger.crags import ChunkRow

__all__ = ["CLUSTER", "NO_LABEL", "UnknownField", "by_cluster", "grouped"]

CLUSTER = "cluster"
"""Grouping by this field is by the collection's clusters, whatever the documents say."""

NO_LABEL = ""
"""The group of passages whose documents lack the field, and of all where there is no field."""


class UnknownField(InvalidInput):
    """No document of the collection has the field."""

    code = "unknown_field"


def grouped(chunks: Sequence[ChunkRow], group_by: str) -> dict[str, list[ChunkRow]]:
    """Passages by the value of a field of their documents, as text; all in one group where it is empty.

    Raises:
        UnknownField: none has the field.
    """
    if not group_by:
        return {NO_LABEL: list(chunks)} if chunks else {}
    found: dict[str, list[ChunkRow]] = {}
    for chunk in chunks:
        found.setdefault(_label(chunk.meta.get(group_by)), []).append(chunk)
    if chunks and set(found) == {NO_LABEL}:
        known = sorted({key for chunk in chunks for key in chunk.meta})
        raise UnknownField(
            f"no document has the field {group_by!r}",
            hint=f"there are: {', '.join(known[:20])}" if known else "the documents have no fields at all",
        )
    return dict(sorted(found.items()))


def by_cluster(chunks: Sequence[ChunkRow], numbers: NDArray[np.int64]) -> dict[str, list[ChunkRow]]:
    """Passages by the number of their cluster as text, in the order of numbers; ``numbers`` int64 ``[n]``."""
    found: dict[int, list[ChunkRow]] = {}
    for chunk, number in zip(chunks, numbers.tolist(), strict=True):
        found.setdefault(number, []).append(chunk)
    return {str(number): members for number, members in sorted(found.items())}


def _label(value: object) -> str:
    if value is None:
        return NO_LABEL
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
