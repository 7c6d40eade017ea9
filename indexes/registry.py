"""Index kinds by name, from the entry points of group ``tersus.indexes``."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from inspect import signature
from typing import Any

from ..errors import InvalidInput, TersusError
from .base import Index

__all__ = ["IndexBroken", "UnknownIndex", "available_indexes", "create_index", "load_index_class"]

GROUP = "tersus.indexes"


class UnknownIndex(TersusError):
    """No index of that kind is installed."""

    code = "unknown_index"


class IndexBroken(TersusError):
    """An index kind is registered, but what it points to cannot be imported or is not such an index."""

    code = "index_broken"


def _registered() -> dict[str, EntryPoint]:
    """Entry points by name. Where several packages claim a name, the built-in one wins, then the alphabet."""

    def rank(point: EntryPoint) -> tuple[bool, str, str]:
        package = point.dist.name if point.dist else ""
        return package != "tersus", package, point.value

    points = sorted(entry_points(group=GROUP), key=rank, reverse=True)
    return {point.name: point for point in points}  # the last one, of the lowest rank, stays


def available_indexes() -> list[str]:
    """Kinds that are registered, sorted. Nothing is imported, so a broken one is listed too."""
    return sorted(_registered())


def load_index_class(kind: str) -> type[Index]:
    """The class registered under ``kind``.

    Raises:
        UnknownIndex: nothing is registered under it.
        IndexBroken: what is registered cannot be imported, is no index, or is of another kind.
    """
    registered = _registered()
    point = registered.get(kind)
    if point is None:
        there = ", ".join(sorted(registered)) or "none, so install Tersus again"
        raise UnknownIndex(f"no index is of kind {kind!r}", hint=f"there are: {there}")
    package = point.dist.name if point.dist else "an unknown package"
    hint = f"repair or uninstall {package}"
    try:
        found = point.load()
    except Exception as error:  # third-party code may raise anything on import
        raise IndexBroken(f"index {kind!r} ({point.value}) cannot be imported: {error}", hint=hint) from error
    if not (isinstance(found, type) and issubclass(found, Index)):
        raise IndexBroken(f"index {kind!r} ({point.value}) is no subclass of Index", hint=hint)
    if getattr(found, "kind", None) != kind:
        raise IndexBroken(f"index {kind!r} ({point.value}) sets another kind", hint=hint)
    return found


def create_index(kind: str, dimension: int, **options: Any) -> Index:
    """An empty index of ``kind`` for vectors of ``dimension`` components.

    >>> len(create_index("flat", 384))
    0
    >>> create_index("ivf-flat", 384, lists=100).options["lists"]
    100

    Raises:
        UnknownIndex, IndexBroken: as :func:`load_index_class`.
        InvalidInput: ``dimension`` is not a whole number from 1 to 65536, or the kind lacks an option.
        NotInstalled: the library behind the index is missing.
    """
    cls = load_index_class(kind)
    try:
        signature(cls).bind(dimension, **options)
    except TypeError as error:
        raise InvalidInput(f"index {kind!r} does not take these options: {error}") from error
    return cls(dimension, **options)
