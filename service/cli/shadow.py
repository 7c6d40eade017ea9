"""``tersus shadow``: how answers agree with those of the full context."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import Json, open_tersus

if TYPE_CHECKING:
    from ...rag.shadow import Standing

__all__ = ["shadow"]


def shadow(
    ctx: typer.Context,
    collection: Annotated[
        str | None,
        typer.Option("--collection", "-c", metavar="NAME", show_default=False, help="Only this collection."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how answers agree with those of the full context, and where compression has backed off.

    Agreement is the mean of token F1 (SQuAD's normal form) and the cosine of both answers'
    embeddings. Comparisons are made in the background for the share TERSUS_SHADOW_SHARE of the
    queries. Where the lower bound of the mean falls below TERSUS_SHADOW_LIMIT, the next safer budget is
    used, and the way back is by the same rule.
    """
    from ...rag.shadow import ShadowRepository
    from .output import one_line, print_json, stdout
    from .tables import print_table

    with open_tersus(ctx) as tersus:
        settings = tersus.settings
        with tersus.database.session() as session:
            found = ShadowRepository(session).standings(
                settings.shadow_confidence, None if collection is None else [collection]
            )
    if as_json:
        print_json(
            {
                "share": settings.shadow_share, "limit": settings.shadow_limit,
                "confidence": settings.shadow_confidence, "least": settings.shadow_least,
                "standings": [standing_dict(one) for one in found],
            }
        )  # fmt: skip
        return
    console = stdout()
    if not found:
        console.print("No answers were compared yet.")
        console.print("Compare some: TERSUS_SHADOW_SHARE=0.05 tersus serve", style="dim")
        return
    rows = [
        [
            one_line(one.key.collection), one_line(one.key.compressor), one.key.asked, in_force(one),
            f"{one.checks:,}", _share(one.mean), _share(one.bound),
        ]
        for one in found
    ]  # fmt: skip
    numbers = ["Checks", "Agreement", "Lower bound"]
    columns = ["Collection", "Compressor", "Asked for", "In force", *numbers]
    print_table(console, columns, rows, numbers=numbers, fold=["Collection", "Compressor"])
    for one in found:
        if one.step:
            console.print(f"{one_line(one.key.collection)}: {one.reason}", style="yellow", soft_wrap=True)


def in_force(one: Standing) -> str:
    """The budget that is used instead of the one asked for."""
    return one.key.asked if not one.step else f"backed off {one.step} step{'s' if one.step > 1 else ''}"


def standing_dict(one: Standing) -> dict[str, Any]:
    """JSON-ready values."""
    return {
        "collection": one.key.collection, "compressor": one.key.compressor, "asked": one.key.asked,
        "step": one.step, "since": one.since.isoformat() if one.since else None, "reason": one.reason,
        "checks": one.checks, "agreement": one.mean, "lower_bound": one.bound,
    }  # fmt: skip


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
