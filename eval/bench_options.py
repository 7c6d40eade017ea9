"""Arguments that the benches share, and compressors by name with options."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from typing import Any

from ..compressors import Compressor, available_compressors, load_compressor
from ..errors import InvalidInput
from .baselines import BASELINES
from .peers import PEERS

__all__ = ["limit", "load", "names", "parse_spec", "ratios", "with_all"]


def names(text: str) -> list[str]:
    """Names separated by commas, each once, in their order."""
    found = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not found:
        raise argparse.ArgumentTypeError("at least one name is needed")
    return found


def ratios(text: str) -> list[float]:
    """Shares above 0 and at most 1, separated by commas."""
    try:
        found = [float(part) for part in names(text)]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers") from None
    if not all(math.isfinite(r) and 0 < r <= 1 for r in found):
        raise argparse.ArgumentTypeError(f"a ratio is above 0 and at most 1, got {text}")
    return found


def limit(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number of at least 1 is needed, got {text!r}")
    return int(text)


def parse_spec(spec: str) -> tuple[str, dict[str, Any]]:
    """``NAME:OPTION=VALUE:OPTION=VALUE``: a compressor's name and the options of its constructor.

    A value is read as JSON where it is JSON (``2``, ``0.5``, ``true``, ``null``, ``"2"``) and as the
    text it is otherwise. It holds no colon and no comma: those separate options and compressors. An option
    of a chain's stage is named after it, ``exit+frugal:frugal.granularity=word``.

    >>> parse_spec("exit:hops=2:device=cpu")
    ('exit', {'hops': 2, 'device': 'cpu'})

    Raises:
        InvalidInput: a part that is not ``OPTION=VALUE``, or an option given twice.
    """
    name, *parts = spec.split(":")
    options: dict[str, Any] = {}
    for part in parts:
        option, equals, value = part.partition("=")
        if not equals or not option.replace(".", "_").isidentifier() or option in options:
            raise InvalidInput(
                f"{part!r} in {spec!r} is no option, or is given twice",
                hint="write NAME:OPTION=VALUE:OPTION=VALUE, for example exit:hops=2",
            )
        try:
            options[option] = json.loads(value)
        except ValueError:
            options[option] = value
    return name, options


def with_all(specs: Sequence[str]) -> list[str]:
    """The specs, ``all`` replaced by the benches' baselines, every registered compressor, and a chain."""
    everything = [*BASELINES, *available_compressors(), "exit+frugal"]
    found = [name for spec in specs for name in (everything if spec == "all" else [spec])]
    return list(dict.fromkeys(found))


def load(spec: str) -> Compressor:
    """The compressor of a spec: one of the benches' own baselines (head, bm25), a peer, or a registered one.

    Raises:
        NotInstalled: the environment of a peer (llmlingua, longllmlingua) is not there.
        UnknownCompressor, CompressorBroken: nothing usable is registered under the name.
        InvalidInput: the spec is malformed, or the compressor does not take its options.
    """
    name, options = parse_spec(spec)
    unregistered = {**BASELINES, **PEERS}
    if name not in unregistered:
        return load_compressor(name, **options)
    try:
        return unregistered[name](**options)
    except TypeError as error:
        raise InvalidInput(f"compressor {name!r} does not take these options: {error}") from error
