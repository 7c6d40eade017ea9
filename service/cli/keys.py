"""``tersus keys``: API keys for ``tersus serve``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from .common import Json, UsageProblem, open_tersus
from .typers import QuietTyper

if TYPE_CHECKING:
    from ...rag.keys import ApiKey
    from ...rag.keys.budgets import Spent

__all__ = ["keys_app"]

keys_app = QuietTyper(
    help="API keys of the service: make one, list them, revoke one.",
    no_args_is_help=True,
    epilog="Example: KEY=$(tersus keys create app --scope read --collection docs --expires 90d)",
)


@keys_app.command(epilog="Example: tersus keys create app --scope read --monthly-tokens 2000000")
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="What will use the key.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCOPE",
            show_default=False,
            help="read (ask, look; the default), write (change collections), admin (all). May be repeated.",
        ),
    ] = None,
    collection: Annotated[
        list[str] | None,
        typer.Option(
            "--collection", "-c", metavar="NAME", show_default=False,
            help="Bind the key to this collection; may be repeated. All by default.",
        ),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(metavar="WHEN", show_default=False, help="When it ends: 90d, 12h or 2027-01-31."),
    ] = None,
    monthly_tokens: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", show_default=False, help="Most tokens for models in a month (UTC)."),
    ] = None,
    monthly_cost: Annotated[
        str | None,
        typer.Option(metavar="USD", show_default=False, help="Most US dollars for models in a month (UTC)."),
    ] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Make a key. It is printed once, alone on stdout, and stored nowhere: only its hash is.

    From the first key on, the service answers nobody without one.
    """
    from ...rag.keys import KeyRepository
    from .output import print_json, stderr, stdout

    ends, cost = _moment(expires), _dollars(monthly_cost)
    with open_tersus(ctx) as tersus, tersus.database.session(write=True) as session:
        token, key = KeyRepository(session).create(
            name,
            tuple(scope or ("read",)),
            collections=collection,
            expires_at=ends,
            monthly_tokens=monthly_tokens,
            monthly_cost=cost,
        )
    if as_json:
        print_json({"token": token, **key.to_dict()})
        return
    stderr().print(f"Key {key.name!r} ({', '.join(sorted(key.scopes))}). It is shown this once:")
    stdout().print(token, soft_wrap=True)


@keys_app.command("list", epilog="Example: tersus keys list --json")
def list_keys(ctx: typer.Context, as_json: Json = False) -> None:
    """List all keys with what they may do and what they have spent this month."""
    from ...rag.keys import Budgets, KeyRepository
    from .output import one_line, print_json, stdout
    from .tables import print_table

    now = datetime.now(UTC)
    with open_tersus(ctx) as tersus:
        with tersus.database.session() as session:
            keys = KeyRepository(session).list()
        budgets = Budgets(tersus.database)
        spent = {key.id: budgets.spent(key.id) for key in keys}
    if as_json:
        print_json(
            {
                "keys": [
                    {
                        **key.to_dict(),
                        "state": key.state(now),
                        "month_tokens": spent[key.id].tokens,
                        "month_cost": f"{spent[key.id].cost:f}",
                    }
                    for key in keys
                ]
            }
        )
        return
    if not keys:
        stdout().print("There are no keys: the service answers on this machine alone, without one.")
        return
    rows = [
        [
            one_line(key.name),
            f"tsk_{key.prefix}_…",
            ", ".join(sorted(key.scopes)),
            "all" if key.collections is None else one_line(", ".join(sorted(key.collections))),
            key.state(now),
            "" if key.expires_at is None else f"{key.expires_at:%Y-%m-%d %H:%M}",
            "" if key.last_used_at is None else f"{key.last_used_at:%Y-%m-%d %H:%M}",
            _budget(key, spent[key.id]),
        ]
        for key in keys
    ]
    columns = ["Name", "Key", "Scopes", "Collections", "State", "Expires", "Last used", "This month"]
    print_table(stdout(), columns, rows, fold=["Name", "Collections", "This month"])


@keys_app.command(epilog="Example: tersus keys revoke app")
def revoke(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME|PREFIX", show_default=False, help="As 'tersus keys list' shows it.")
    ],
    as_json: Json = False,
) -> None:
    """End a key, now and for good."""
    from ...rag.keys import KeyRepository
    from .output import clean, print_json, stdout

    with open_tersus(ctx) as tersus, tersus.database.session(write=True) as session:
        key = KeyRepository(session).revoke(name)
    if as_json:
        print_json(key.to_dict())
    else:
        stdout().print(clean(f"{key.name} is revoked"))


def _budget(key: ApiKey, spent: Spent) -> str:
    parts = []
    if key.monthly_tokens is not None:
        parts.append(f"{spent.tokens:,} of {key.monthly_tokens:,} tokens")
    if key.monthly_cost is not None:
        parts.append(f"${spent.cost:.2f} of ${key.monthly_cost:.2f}")
    return ", ".join(parts)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    units = {"h": "hours", "d": "days", "w": "weeks"}
    try:
        if found := re.fullmatch(r"(\d{1,5})([hdw])", text.strip().lower()):
            return datetime.now(UTC) + timedelta(**{units[found[2]]: int(found[1])})
        parsed = datetime.fromisoformat(text.strip())
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageProblem(
            f"--expires does not understand {text!r}", hint="write 90d, 12h or 2027-01-31"
        ) from error


def _dollars(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        amount = Decimal(text.strip().removeprefix("$"))
    except InvalidOperation as error:
        raise UsageProblem(f"--monthly-cost is {text!r}", hint="write dollars: 12.50") from error
    if not amount.is_finite():
        raise UsageProblem(f"--monthly-cost is {text!r}", hint="write dollars: 12.50")
    return amount
