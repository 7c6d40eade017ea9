"""Spans hold plain numbers, whatever a compressor computes with."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from tersus.compressors import Span
from tersus.errors import InvalidInput


@pytest.mark.parametrize(
    ("start", "end", "score"),
    [
        (2, 9, 0.25),
        (2, 9, Fraction(1, 4)),
        (2, 9, Decimal("0.25")),
        (np.int64(2), np.uint8(9), np.float32(0.25)),
        (np.array(2), np.int32(9), np.array(0.25)),
        (torch.tensor(2), torch.tensor(9), torch.tensor(0.25)),
    ],
)
def test_numbers_of_other_types_become_plain_ones(start: Any, end: Any, score: Any) -> None:
    span = Span(start, end, score)
    assert json.dumps(asdict(span)) == '{"start": 2, "end": 9, "score": 0.25}'
    assert [type(value) for value in asdict(span).values()] == [int, int, float]
    assert span == Span(2, 9, 0.25)


def test_a_whole_number_is_a_score_and_none_is_zero() -> None:
    assert repr(Span(0, 1, 3)) == "Span(start=0, end=1, score=3.0)"
    assert Span(0, 1).score == 0.0
    assert math.isnan(Span(0, 1, float("nan")).score)  # the contract refuses it, with the compressor's name


@pytest.mark.parametrize(
    ("start", "end", "score", "named"),
    [
        (0.0, 1, 0.5, "start"),
        (np.float64(0), 1, 0.5, "start"),
        ("0", 1, 0.5, "start"),
        (0, None, 0.5, "end"),
        (0, 1.5, 0.5, "end"),
        (0, 1, "0.5", "score"),
        (0, 1, None, "score"),
        (0, 1, 1j, "score"),
        (0, 1, [0.5], "score"),
        (0, 1, np.array([0.5, 0.6]), "score"),
        (0, 1, 10**400, "score"),
    ],
)
def test_what_is_no_number_is_refused_by_name(start: Any, end: Any, score: Any, named: str) -> None:
    with pytest.raises(InvalidInput, match=f"a span's {named} must be"):
        Span(start, end, score)


@pytest.mark.parametrize(("start", "end"), [(3, 3), (4, 3), (-1, 2), (np.int64(-1), 2)])
def test_an_empty_or_negative_span_is_refused(start: int, end: int) -> None:
    with pytest.raises(InvalidInput, match="0 <= start < end"):
        Span(start, end)
