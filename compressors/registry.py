"""Compressors by name, from the entry points of group ``tersus.compressors``."""

from __future__ import annotations

import difflib
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from ..errors import InvalidInput, TersusError
from .base import Compressor

__all__ = [
    "CompressorBroken",
    "UnknownCompressor",
    "available_compressors",
    "compressor_class",
    "load_compressor",
]

GROUP = "tersus.compressors"


class UnknownCompressor(TersusError):
    """No compressor of that name is installed."""

    code = "unknown_compressor"


class CompressorBroken(TersusError):
    """A compressor is registered, and its module cannot be imported."""

    code = "compressor_broken"


@cache
def _entry_points() -> dict[str, EntryPoint]:
    points = entry_points(group=GROUP)
    # Ours come last, so that no other package takes a built-in compressor's name.
    ours_last = sorted(points, key=lambda point: point.dist is not None and point.dist.name == "tersus")
    return {point.name: point for point in ours_last}


def available_compressors() -> list[str]:
    """Names of the installed compressors, sorted. Nothing is imported."""
    return sorted(_entry_points())


def compressor_class(name: str) -> type[Compressor]:
    """The class registered under ``name``.

    Raises:
        UnknownCompressor: nothing is registered under it.
        CompressorBroken: what is registered cannot be imported or is no compressor.
    """
    point = _entry_points().get(name)
    if point is None:
        near = difflib.get_close_matches(str(name), available_compressors(), n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(available_compressors())}"
        raise UnknownCompressor(f"no compressor is called {name!r}", hint=hint)
    try:
        found = point.load()
    except Exception as error:  # third-party code may raise anything on import
        raise CompressorBroken(f"compressor {name!r} ({point.value}) cannot be imported: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Compressor)):
        raise CompressorBroken(f"compressor {name!r} ({point.value}) is not a subclass of Compressor")
    return found


def load_compressor(name: str, **options: Any) -> Compressor:
    """An instance of the compressor ``name``; ``options`` go to its constructor.

    Names joined by a plus make a chain: ``load_compressor("exit+frugal")``. Its options are those of the
    stages by name, ``exit={"hops": 1}`` or ``**{"exit.hops": 1}``, and the chain's own ``shares``.

    >>> load_compressor("none").name
    'none'

    Raises:
        UnknownCompressor, CompressorBroken: as :func:`compressor_class`.
        InvalidInput: an option that this compressor does not take.
    """
    if isinstance(name, str) and "+" in name:
        return _load_chain(name, options)
    cls = compressor_class(name)
    try:
        return cls(**options)
    except TypeError as error:
        raise InvalidInput(f"compressor {name!r} does not take these options: {error}") from error


def _load_chain(name: str, options: dict[str, Any]) -> Compressor:
    from .chaining import ChainCompressor

    names = [part.strip() for part in name.split("+")]
    shares = options.get("shares")
    by_stage: dict[str, dict[str, Any]] = {stage: {} for stage in names}
    for key, value in options.items():
        stage, dot, option = key.partition(".")
        if key == "shares":
            continue
        if stage not in by_stage or not (dot or isinstance(value, dict)):
            raise InvalidInput(
                f"the chain {name!r} does not take the option {key!r}",
                hint=f'name the stage: {names[0]}={{"option": value}}, or shares=[0.5]',
            )
        by_stage[stage].update({option: value} if dot else value)
    return ChainCompressor([load_compressor(stage, **by_stage[stage]) for stage in names], shares=shares)
