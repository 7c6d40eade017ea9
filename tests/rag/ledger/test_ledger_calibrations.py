"""Calibrations in SQL: what is stored is found again to the last bit, and the right one of several."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from tersus.compressors import Calibration
from tersus.errors import InvalidInput
from tersus.rag.ledger import CalibrationRepository, CollectionRepository, Database
from tersus.rag.ledger.errors import DatabaseError

ONE = Calibration("x:1", 0.5, 0.05, 240, date(2026, 11, 1))


def store(
    database: Database, *calibrations: Calibration, collection: str | None = None, data: str = "made"
) -> None:
    with database.session(write=True) as session:
        place = None
        if collection is not None:
            place = CollectionRepository(session).get_or_create(collection, "m", 3)
        for calibration in calibrations:
            CalibrationRepository(session).add(calibration, "x", data, place)


def find(
    database: Database, risk: float, collection: str | None = None, fingerprint: str = "x:1"
) -> Calibration | None:
    with database.session() as session:
        place = None if collection is None else CollectionRepository(session).require(collection)
        found = CalibrationRepository(session).find(fingerprint, risk, place)
        assert found is None or found.collection == collection
        return found.calibration if found else None


@pytest.mark.parametrize(
    "threshold",
    [0.1 + 0.2, math.nextafter(0.5, 1), -1e-300, 1 / 3, float(np.float32(0.1)), 5e-324, -1.797e308, 0.0],
)
def test_every_bit_of_the_threshold_comes_back(database: Database, threshold: float) -> None:
    stored = replace(ONE, threshold=threshold)
    store(database, stored)
    assert find(database, 0.05) == stored


def test_the_largest_risk_up_to_the_one_asked_is_found(database: Database) -> None:
    one, two, ten = (replace(ONE, risk=risk, threshold=risk) for risk in (0.01, 0.02, 0.1))
    store(database, two, ten, one)
    assert find(database, 0.1) == ten
    assert find(database, 0.09) == two
    assert find(database, 0.02) == two
    assert find(database, math.nextafter(0.02, 0)) == one
    assert find(database, 0.005) is None


def test_the_newer_one_of_the_same_risk_counts(database: Database) -> None:
    newer = replace(ONE, threshold=0.25, date=date(2025, 1, 1))  # stored later, whatever its date
    store(database, ONE)
    store(database, newer, data="other")
    assert find(database, 0.05) == newer
    with database.session() as session:
        (listed,) = CalibrationRepository(session).list()
    assert (listed.calibration, listed.data, listed.compressor, listed.collection) == (
        newer, "other", "x", None
    )  # fmt: skip


def test_collections_and_weights_are_kept_apart(database: Database) -> None:
    here, there = replace(ONE, threshold=0.1), replace(ONE, threshold=0.2)
    other = replace(ONE, fingerprint="x:2", threshold=0.3)
    store(database, here, collection="here")
    store(database, there, collection="there")
    store(database, ONE, other)
    assert find(database, 0.05, "here") == here
    assert find(database, 0.05, "there") == there
    assert find(database, 0.05) == ONE
    assert find(database, 0.05, fingerprint="x:2") == other
    assert find(database, 0.05, "here", fingerprint="x:2") is None
    with database.session() as session:
        assert [one.collection for one in CalibrationRepository(session).list()] == [
            None, None, "there", "here"
        ]  # fmt: skip


def test_a_deleted_collection_takes_its_calibrations_along(database: Database) -> None:
    store(database, ONE, collection="gone")
    store(database, ONE)
    with database.session(write=True) as session:
        CollectionRepository(session).delete("gone")
    with database.session(write=True) as session:
        CollectionRepository(session).create("gone", "m", 3)
        assert len(CalibrationRepository(session).list()) == 1
    assert find(database, 0.05, "gone") is None


@pytest.mark.parametrize("wrong", [{"risk": 0.0}, {"risk": 1.0}, {"size": 0}])
def test_the_database_refuses_what_promises_nothing(database: Database, wrong: dict[str, float]) -> None:
    with pytest.raises(DatabaseError):
        store(database, replace(ONE, **wrong))  # type: ignore[arg-type]
    assert find(database, 0.9) is None


@pytest.mark.parametrize("threshold", [math.nan, math.inf, -math.inf])
def test_a_threshold_that_is_no_number_is_refused(database: Database, threshold: float) -> None:
    with pytest.raises((InvalidInput, DatabaseError)):
        store(database, replace(ONE, threshold=threshold))
    assert find(database, 0.9) is None
