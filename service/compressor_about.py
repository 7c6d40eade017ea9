"""What a compressor says of itself: its class attributes, its docstring, its constructor."""

from __future__ import annotations

import inspect
import re
from typing import Any

__all__ = ["describe", "explain"]

_FIELDS = ("kind", "summary", "model", "speed", "paper")
_OPTION = re.compile(r" {4}(\w+): (.*)")


def describe(name: str) -> dict[str, Any]:
    """One line's worth, with ``error`` where it cannot be loaded. Loads no weights."""
    from ..compressors import load_compressor

    about: dict[str, Any] = dict.fromkeys(("name", *_FIELDS, "error"))
    about["name"] = name
    try:
        compressor = load_compressor(name)
        for field in _FIELDS:
            value = getattr(compressor, field)
            about[field] = None if value is None else str(value)
    except Exception as error:  # noqa: BLE001 - somebody else's constructor may raise anything
        about["error"] = str(error) or type(error).__name__
    return about


def explain(name: str) -> dict[str, Any]:
    """:func:`describe` with ``text``, what the class says of itself, and ``options``: name, default, meaning.

    Of a chain the options are those of its stages, named ``stage.option``.

    Raises:
        UnknownCompressor, CompressorBroken: as ``compressor_class``.
    """
    from ..compressors import ChainCompressor, compressor_class

    if "+" in name:
        stages = [explain(stage.strip()) for stage in name.split("+")]
        text, own = _parts(inspect.getdoc(ChainCompressor) or "")
        options = [{"name": "shares", "default": None, "meaning": own.get("shares", "")}]
        for stage in stages:
            options += [{**one, "name": f"{stage['name']}.{one['name']}"} for one in stage["options"]]
        return {**describe(name), "text": text, "options": options}
    found = compressor_class(name)
    text, meanings = _parts(inspect.getdoc(found) or "")
    options = [
        {"name": parameter.name, "default": _default(parameter), "meaning": meanings.get(parameter.name, "")}
        for parameter in inspect.signature(found).parameters.values()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]
    return {**describe(name), "text": text, "options": options}


def _default(parameter: inspect.Parameter) -> Any:
    value = None if parameter.default is parameter.empty else parameter.default
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)


def _parts(doc: str) -> tuple[str, dict[str, str]]:
    """The prose of a docstring in Google's style, and what it says of each argument."""
    prose, _, rest = doc.partition("\nArgs:\n")
    meanings: dict[str, str] = {}
    last = None
    for line in rest.splitlines():
        if line and not line.startswith(" "):
            break
        if option := _OPTION.fullmatch(line):
            last = option[1]
            meanings[last] = option[2]
        elif last and line.strip():
            meanings[last] += f" {line.strip()}"
    return prose.partition("\nRaises:\n")[0].strip(), meanings
