"""Options of an index kind: checked dataclasses of whole numbers and shares, kept in snapshots as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from ..errors import InvalidInput

__all__ = ["AnnOptions"]


@dataclass(frozen=True, slots=True)
class AnnOptions:
    """What every approximate kind can be told.

    effort: how many lists (``ivf-…``) or candidates (``hnsw``) a search looks at; 0: as many as ``recall``
        needs, measured when the index is tuned.
    recall: the share of the true ten nearest neighbours that a tuned search finds, from 0.5 to 1.
    train_at: vectors with which the structure is made; up to there the index is exact. 0: the kind's own.
    """

    effort: int = 0
    recall: float = 0.97
    train_at: int = 0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name == "recall":
                if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.5 <= value <= 1:
                    raise InvalidInput(f"recall is {value!r}", hint="give a share from 0.5 to 1")
            elif isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise InvalidInput(f"{field.name} is {value!r}", hint="give a whole number from 0")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """From names and values; raises InvalidInput, naming what there is, for an unknown name."""
        known = [field.name for field in dataclasses.fields(cls)]
        unknown = sorted(set(options) - set(known))
        if unknown:
            raise InvalidInput(
                f"there is no option {', '.join(map(repr, unknown))}", hint=f"there are: {', '.join(known)}"
            )
        return cls(**options)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; :meth:`of` takes them."""
        return dataclasses.asdict(self)
