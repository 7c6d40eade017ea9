"""Which group a passage belongs to."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ...errors import InvalidInput
from ..ledger.crags import ChunkRow

__all__ = ["NO_LABEL", "UnknownField", "grouped"]

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


def _label(value: object) -> str:
    if value is None:
        return NO_LABEL
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
