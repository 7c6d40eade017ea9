"""Column types: what goes in comes out, alike on both databases, or is refused."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Column, Integer, MetaData, Table, func, insert, select, text
from tersus.errors import InvalidInput
from tersus.rag.ledger.engine import Database
from tersus.rag.ledger.errors import DatabaseDamaged
from tersus.rag.ledger.text import safe_json, safe_text
from tersus.rag.ledger.types import FiniteFloat, Money, SafeJson, SafeText, UtcDateTime
from tersus.rag.ledger.vectors import pack_vector, unpack_vectors

SAMPLES = Table(
    "samples",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("money", Money),
    Column("moment", UtcDateTime),
    Column("number", FiniteFloat),
    Column("words", SafeText),
    Column("json", SafeJson),
)


@pytest.fixture
def samples(blank_database: Database) -> Database:
    SAMPLES.metadata.create_all(blank_database.engine)
    return blank_database


def stored(database: Database, column: str, value: Any) -> Any:
    """What the database gives back for a value."""
    with database.session(write=True) as session:
        session.execute(insert(SAMPLES).values({column: value}))
    with database.session() as session:
        return session.scalar(select(SAMPLES.c[column]))


@pytest.mark.parametrize(
    "amount", ["0", "0.15", "-0.000000001", "123456789.987654321", "9223372036.854775807"]
)
def test_money_comes_back_exactly(samples: Database, amount: str) -> None:
    with localcontext() as context:
        context.prec = 5  # the caller's own precision must not matter
        assert stored(samples, "money", Decimal(amount)) == Decimal(amount)


@pytest.mark.parametrize(
    ("finer", "rounded"),
    [("0.0000000005", "0"), ("0.0000000015", "0.000000002"), ("0.0000000025", "0.000000002"),
     ("0.00000000250000000001", "0.000000003"), ("-0.0000000015", "-0.000000002")],
)  # fmt: skip
def test_money_finer_than_a_nano_dollar_is_rounded_half_to_even(
    samples: Database, finer: str, rounded: str
) -> None:
    assert stored(samples, "money", Decimal(finer)) == Decimal(rounded)


@pytest.mark.parametrize(
    "amount", [Decimal("NaN"), Decimal("Infinity"), 0.15, True, "1", Decimal("9223372036.854775808"), 10**30]
)
def test_money_that_is_no_exact_amount_is_refused(samples: Database, amount: Any) -> None:
    with pytest.raises(InvalidInput):
        stored(samples, "money", amount)


def test_sum_of_money_is_exact_in_sql(samples: Database) -> None:
    source = random.Random(7)
    amounts = [Decimal(source.randrange(10**18)).scaleb(-9) for _ in range(8)] + [Decimal("0.1")] * 3
    with samples.session(write=True) as session:
        session.execute(insert(SAMPLES), [{"money": amount} for amount in amounts])
    with samples.session() as session:
        total = session.scalar(select(func.sum(SAMPLES.c.money)))
    assert total == sum(amounts)
    assert isinstance(total, Decimal)


def test_moments_come_back_in_utc_whatever_zone_they_were_given_in(samples: Database) -> None:
    given = datetime(2026, 3, 1, 1, 30, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    found = stored(samples, "moment", given)
    assert found == given
    assert (found.tzinfo, found.day, found.hour) == (UTC, 28, 20)


def test_moments_compare_in_sql_across_zones(samples: Database) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    stored(samples, "moment", noon)
    earlier = datetime(2026, 3, 1, 17, 29, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    with samples.session() as session:
        assert session.scalar(select(func.count()).where(SAMPLES.c.moment > earlier)) == 1
        assert session.scalar(select(func.count()).where(SAMPLES.c.moment > noon)) == 0


def test_a_naive_moment_is_refused(samples: Database) -> None:
    with pytest.raises(InvalidInput, match="no time zone"):
        stored(samples, "moment", datetime(2026, 3, 1))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_refused(samples: Database, number: float) -> None:
    with pytest.raises(InvalidInput):
        stored(samples, "number", number)


def test_text_that_a_database_refuses_is_replaced_and_keeps_its_length(samples: Database) -> None:
    given = "a\x00b\ud83dc\udc80d 😀 漢字 e\u0301"
    found = stored(samples, "words", given)
    assert found == "a\ufffdb\ufffdc\ufffdd 😀 漢字 e\u0301"
    assert len(found) == len(given)
    assert found == safe_text(given)
    with samples.session() as session:
        assert session.scalar(select(func.count()).where(SAMPLES.c.words == given)) == 1


def test_json_comes_back_with_safe_text_at_every_depth(samples: Database) -> None:
    given = {"a\x00": ["\ud800", {"b": ("x", 1, 2.5, None, True)}], "漢": "😀"}
    expected = {"a\ufffd": ["\ufffd", {"b": ["x", 1, 2.5, None, True]}], "漢": "😀"}
    assert stored(samples, "json", given) == expected


def test_absent_json_is_null(samples: Database) -> None:
    assert stored(samples, "json", None) is None
    with samples.session() as session:
        assert session.scalar(text("SELECT count(*) FROM samples WHERE json IS NULL")) == 1


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {1: "a"}, {"a": {1, 2}}, b"bytes"])
def test_what_json_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput):
        safe_json(value)


def test_vectors_survive_as_little_endian_floats() -> None:
    vectors = np.random.default_rng(3).normal(size=(4, 5)).astype(np.float32)
    packed = [pack_vector(row, 5) for row in vectors]
    assert packed[0] == b"".join(value.astype("<f4").tobytes() for value in vectors[0])
    found = unpack_vectors(packed, 5)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, vectors)
    found[0, 0] = 1.0  # writable: indexes normalise in place
    assert unpack_vectors([], 5).shape == (0, 5)


@pytest.mark.parametrize(
    "vector", [np.zeros(4), np.zeros((1, 5)), np.array([1, 2, np.nan, 4, 5]), np.full(5, 1e300)]
)
def test_a_vector_of_another_shape_or_not_finite_is_refused(vector: np.ndarray[Any, Any]) -> None:
    with pytest.raises(InvalidInput):
        pack_vector(vector, 5)


def test_a_stored_vector_of_another_length_is_damage() -> None:
    with pytest.raises(DatabaseDamaged, match="16 bytes, 20 were expected"):
        unpack_vectors([bytes(20), bytes(16)], 5)
