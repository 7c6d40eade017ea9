"""``tersus compressors``: which there are."""

from __future__ import annotations

from typing import Any

import typer

from .common import Json

__all__ = ["compressors"]


def compressors(
    ctx: typer.Context,  # noqa: ARG001 - --json is noted in it
    as_json: Json = False,
) -> None:
    """List the compressors: the built-in ones and those that other packages add.

    One that cannot be loaded is listed with its error.
    """
    from rich.text import Text

    from ...compressors import available_compressors
    from .output import one_line, print_json, stdout
    from .tables import print_table

    found = [_describe(name) for name in available_compressors()]
    if as_json:
        print_json({"compressors": found})
        return
    rows: list[list[str | Text]] = []
    for one in found:
        if one["error"]:
            rows.append([one_line(one["name"]), "broken", "", Text(one_line(one["error"]), "red")])
            continue
        summary = one_line(one["summary"] + (f" ({one['paper']})" if one["paper"] else ""))
        rows.append([one_line(one["name"]), one["kind"], one_line(one["model"] or ""), summary])
    print_table(stdout(), ["Name", "Kind", "Model", "Summary"], rows, fold=["Model", "Summary"])


def _describe(name: str) -> dict[str, Any]:
    from ...compressors import load_compressor

    about: dict[str, Any] = dict.fromkeys(("name", "kind", "summary", "model", "paper", "error"))
    about["name"] = name
    try:
        compressor = load_compressor(name)
        for field in ("kind", "summary", "model", "paper"):
            value = getattr(compressor, field)
            about[field] = None if value is None else str(value)
    except Exception as error:  # noqa: BLE001 - somebody else's constructor may raise anything
        about["error"] = str(error) or type(error).__name__
    return about
