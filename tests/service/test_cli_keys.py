"""``tersus keys``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tersus.rag.keys import KeyInvalid, authenticate
from tersus.rag.ledger import Database


def test_the_token_alone_goes_to_stdout_and_opens_the_service_until_it_is_revoked(
    cli: Any, tmp_path: Path
) -> None:
    made = cli(
        "keys", "create", "app", "--scope", "read", "--scope", "write", "-c", "docs", "--expires", "90d",
        "--monthly-tokens", "1000", "--monthly-cost", "12.50",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    token = made.stdout.strip()
    assert token.startswith("tsk_")
    assert "\n" not in token
    database = Database(f"sqlite:///{tmp_path / 'home' / 'tersus.db'}")
    assert authenticate(database, token).collections == frozenset({"docs"})
    listed = json.loads(cli("keys", "list", "--json").stdout)["keys"]
    assert [
        (one["name"], one["state"], one["month_tokens"], float(one["monthly_cost"])) for one in listed
    ] == [("app", "live", 0, 12.5)]
    assert token.split("_", 2)[2] not in cli("keys", "list").stdout
    assert cli("keys", "create", "app").exit_code == 1
    assert cli("keys", "revoke", "app").exit_code == 0
    with pytest.raises(KeyInvalid):
        authenticate(database, token)
    database.close()
    assert cli("keys", "revoke", "app").exit_code == 1


@pytest.mark.parametrize(
    "wrong",
    [("--expires", "soon"), ("--monthly-cost", "much"), ("--monthly-cost", "NaN"), ("--scope", "root")],
)
def test_what_makes_no_key_is_said(cli: Any, wrong: tuple[str, str]) -> None:
    result = cli("keys", "create", "app", *wrong)
    assert result.exit_code in (1, 2)
    assert result.stdout == ""
    assert "There are no keys" in cli("keys", "list").stdout
