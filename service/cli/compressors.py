"""``tersus compressors``: which there are, and what one can do."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .common import Json

__all__ = ["compressors"]


def compressors(
    ctx: typer.Context,  # noqa: ARG001 - --json is noted in it
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Explain this one and its options; a+b for a chain."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the compressors: the built-in ones and those that other packages add.

    One that cannot be loaded is listed with its error. Speed is by order of magnitude, for ten passages on
    two CPU cores: instant (10 ms), fast (half a second), medium (seconds), slow (more).
    """
    from ..compressor_about import describe, explain
    from .output import print_json, stdout

    if name is not None:
        about = explain(name)
        if as_json:
            print_json(about)
        else:
            _print_one(about)
        return
    from ...compressors import available_compressors

    found = [describe(one) for one in available_compressors()]
    if as_json:
        print_json({"compressors": found})
        return
    _print_all(found)
    stdout().print("\nOne in detail: tersus compressors NAME. Several in a row: --compressor exit+frugal")


def _print_all(found: list[dict[str, Any]]) -> None:
    from rich.text import Text

    from .output import one_line, stdout
    from .tables import print_table

    rows: list[list[str | Text]] = []
    for one in found:
        if one["error"]:
            rows.append([one_line(one["name"]), "broken", "", "", Text(one_line(one["error"]), "red")])
            continue
        summary = one_line(one["summary"] + (f" ({one['paper']})" if one["paper"] else ""))
        model = one_line(one["model"] or "")
        rows.append([one_line(one["name"]), one["kind"], model, one["speed"] or "", summary])
    print_table(stdout(), ["Name", "Kind", "Model", "Speed", "Summary"], rows, fold=["Model", "Summary"])


def _print_one(about: dict[str, Any]) -> None:
    from rich.text import Text

    from .output import one_line, stdout
    from .tables import print_table

    console = stdout()
    facts = [about["kind"], about["model"] and f"model {about['model']}", about["speed"], about["paper"]]
    console.print(Text(one_line(about["name"]), "bold"))
    if about["error"]:
        console.print(Text(one_line(about["error"]), "red"))
    console.print(Text(", ".join(one_line(fact) for fact in facts if fact)), "\n", sep="")
    console.print(Text(about["text"].replace("``", "")), highlight=False)
    rows: list[list[str | Text]] = [
        [one["name"], "" if one["default"] is None else str(one["default"]), one["meaning"].replace("``", "")]
        for one in about["options"]
    ]
    if rows:
        console.print()
        print_table(console, ["Option", "Default", "Meaning"], rows, fold=["Meaning"])
        table = about["name"]
        quoted = table if table.replace("-", "").isalnum() else f'"{table}"'
        console.print(f"\nSet them in tersus.toml under [compressors.{quoted}].", markup=False)
