"""What every metric has: a name, a version, and with them an identity."""

from __future__ import annotations

from typing import ClassVar

__all__ = ["Metric"]


class Metric:
    """A metric is a value: ``repr`` is its identity, and equal identities are equal metrics.

    The identity is recorded with every score. ``version`` rises with each change of the
    definition, so that scores of an older definition are not taken for new ones.
    """

    name: ClassVar[str]
    version: ClassVar[int]

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{self.name}/{self.version}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Metric) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))
