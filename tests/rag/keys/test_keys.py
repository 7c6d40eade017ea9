"""Keys: made, shown, ended; budgets that hold when many ask at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text, update
from tersus.errors import InvalidInput
from tersus.rag.keys import (
    ApiKey,
    BudgetExhausted,
    Budgets,
    KeyInvalid,
    KeyRepository,
    Reservation,
    UnknownKey,
    any_keys,
    authenticate,
)
from tersus.rag.ledger import Database
from tersus.rag.ledger.key_table import ApiKeyRow


def make(database: Database, name: str = "app", **more: object) -> tuple[str, ApiKey]:
    with database.session(write=True) as session:
        return KeyRepository(session).create(name, ("read", "write"), **more)  # type: ignore[arg-type]


def test_a_token_is_known_and_its_secret_is_nowhere_in_the_database(database: Database) -> None:
    assert not any_keys(database)
    token, key = make(database, collections=["docs"])
    assert any_keys(database)
    found = authenticate(database, token)
    assert (found.id, sorted(found.scopes)) == (key.id, ["read", "write"])
    assert found.collections == frozenset({"docs"})
    secret = token.rsplit("_", 1)[1] if token.count("_") == 2 else token.split("_", 2)[2]
    with database.session() as session:
        rows = session.execute(text("SELECT * FROM api_keys")).all()
    assert secret not in repr(rows)
    assert key.prefix in repr(rows)


def test_what_is_no_live_key_is_refused_with_the_same_words(database: Database) -> None:
    token, key = make(database)
    other, _ = make(database, "other")
    _, prefix, secret = token.split("_", 2)
    wrong = [
        "", "x", "tsk_", "é" * 60, "\x00", token[:-1], token + "x", token.upper(),
        f"tsk_{prefix}_{other.split('_', 2)[2]}", f"tsk_aaaaaaaaaa_{secret}",
    ]  # fmt: skip
    said = set()
    for one in wrong:
        with pytest.raises(KeyInvalid) as caught:
            authenticate(database, one)
        said.add(str(caught.value))
    with database.session(write=True) as session:
        session.execute(
            update(ApiKeyRow)
            .where(ApiKeyRow.id == key.id)
            .values(expires_at=datetime.now(UTC) - timedelta(seconds=1))
        )
    with database.session(write=True) as session:
        KeyRepository(session).revoke("other")
    for ended in (token, other):
        with pytest.raises(KeyInvalid) as caught:
            authenticate(database, ended)
        said.add(str(caught.value))
    assert len(said) == 1
    assert any_keys(database)  # the service does not open up when the last key ends


def test_a_name_is_taken_until_its_key_is_revoked(database: Database) -> None:
    _, first = make(database)
    with pytest.raises(InvalidInput, match="there is a key 'app'"):
        make(database)
    with database.session(write=True) as session:
        assert KeyRepository(session).revoke(first.prefix).name == "app"
    with database.session(write=True) as session, pytest.raises(UnknownKey):
        KeyRepository(session).revoke("app")
    make(database)
    with database.session() as session:
        states = [key.state(datetime.now(UTC)) for key in KeyRepository(session).list()]
    assert states == ["revoked", "live"]


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("", {}),
        ("x" * 201, {}),
        ("a", {"collections": []}),
        ("a", {"monthly_tokens": -1}),
        ("a", {"monthly_cost": Decimal("-0.01")}),
        ("a", {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}),
    ],
)
def test_what_makes_no_key_is_refused(database: Database, name: str, more: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        make(database, name, **more)
    with database.session(write=True) as session, pytest.raises(InvalidInput, match="scope"):
        KeyRepository(session).create("b", ("read", "root"))


def test_a_budget_holds_when_many_ask_at_once_and_ends_as_what_was_spent(database: Database) -> None:
    _, key = make(database, monthly_tokens=1000, monthly_cost=Decimal("0.01"))
    budgets = Budgets(database)

    def ask(number: int) -> Reservation | None:
        try:
            return budgets.reserve(key, 90, Decimal("0.0008"))
        except BudgetExhausted:
            return None

    with ThreadPoolExecutor(8) as pool:
        held = [one for one in pool.map(ask, range(40)) if one]
        assert len(held) == 11  # 11 x 90 <= 1000 < 12 x 90
        assert budgets.spent(key.id).tokens == 990
        list(pool.map(lambda pair: budgets.settle(pair[1], pair[0], Decimal("0.0001")), enumerate(held)))
    spent = budgets.spent(key.id)
    assert (spent.tokens, spent.cost) == (sum(range(11)), Decimal("0.0011"))
    assert budgets.reserve(key, 900, Decimal(0)) is not None
    with pytest.raises(BudgetExhausted, match="1,000 tokens"):
        budgets.reserve(key, 900, Decimal(0))


def test_dollars_need_a_price_and_months_and_dead_processes_end(database: Database) -> None:
    _, key = make(database, monthly_cost=Decimal(1))
    budgets = Budgets(database)
    with pytest.raises(BudgetExhausted, match="price"):
        budgets.reserve(key, 1, None)
    now = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)
    assert budgets.reserve(key, 5, Decimal("0.9"), now)
    with pytest.raises(BudgetExhausted, match=r"\$1"):
        budgets.reserve(key, 5, Decimal("0.2"), now + timedelta(minutes=14))
    assert budgets.reserve(key, 5, Decimal("0.2"), now + timedelta(minutes=16))  # the first was given up
    assert budgets.reserve(key, 5, Decimal("0.9"), now + timedelta(hours=2))  # December
    _, free = make(database, "free")
    assert budgets.reserve(free, 10**12, None) is None
    budgets.settle(None, 5, None)
    assert budgets.spent(free.id).tokens == 0
