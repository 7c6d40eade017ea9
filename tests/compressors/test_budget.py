"""Budgets: one of four, checked when they are made."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from tersus.compressors import Budget, Calibration
from tersus.errors import InvalidInput

CALIBRATION = Calibration("x", 0.5, 0.05, 300, date(2026, 11, 1))


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({}, "adaptive"),
        ({"adaptive": True}, "adaptive"),
        ({"ratio": 0.25}, "ratio=0.25"),
        ({"ratio": 1}, "ratio=1"),
        ({"max_tokens": 500}, "max_tokens=500"),
        ({"risk": 0.05}, "risk=0.05"),
        ({"risk": CALIBRATION}, "risk=0.05"),
    ],
)
def test_a_budget_says_what_it_is(given: dict[str, Any], shown: str) -> None:
    assert str(Budget(**given)) == shown


@pytest.mark.parametrize(
    "given",
    [
        {"ratio": 0},
        {"ratio": 1.01},
        {"ratio": -0.1},
        {"ratio": float("nan")},
        {"ratio": float("inf")},
        {"ratio": "0.5"},
        {"ratio": True},
        {"max_tokens": 0},
        {"max_tokens": 1.5},
        {"max_tokens": True},
        {"max_tokens": -3},
        {"risk": 0},
        {"risk": 1},
        {"ratio": 0.5, "max_tokens": 10},
        {"ratio": 0.5, "adaptive": True},
        {"risk": 0.1, "max_tokens": 10},
    ],
)
def test_impossible_budgets_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Budget(**given)


def test_a_percentage_is_told_to_be_a_share() -> None:
    with pytest.raises(InvalidInput, match=r"25% is ratio=0\.25"):
        Budget(ratio=25)
