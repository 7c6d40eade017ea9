"""Numbers are read by value, however they are written."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tersus.compressors.summarise.amounts import amounts, read_figures


def read(text: str) -> list[tuple[str, set[object], str]]:
    return [(text[a.start : a.end], set(a.values), a.unit) for a in amounts(text)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1000", 1000),
        ("12,000,000", 12_000_000),
        ("1 234 567", 1_234_567),
        ("1'000", 1000),
        ("1.234,56", Fraction("1234.56")),
        ("1,234.56", Fraction("1234.56")),
        ("3.50", Fraction("3.5")),
        ("0,5", Fraction("0.5")),
        ("٣٤", 34),
        ("3rd", 3),
        ("1990s", 1990),
        ("20mg", 20),
        ("seven", 7),
        ("Twenty-one", 21),
        ("a hundred", 100),
        ("one hundred and six", 106),
        ("two million three hundred thousand and five", 2_300_005),
        ("1.2 million", 1_200_000),
        ("5 hundred", 500),
        ("two dozen", 24),
        ("eleventh", 11),
        ("1965年", 1965),
    ],
)
def test_a_number_has_its_value(text: str, value: object) -> None:
    [(_, values, _)] = read(text)
    assert values == {value}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,234", {1234, Fraction("1.234")}),
        ("$1.5m", {Fraction("1.5"), 1_500_000}),
        ("1.234 thousand", {1234, 1_234_000}),
    ],
)
def test_what_may_be_read_in_two_ways_has_both_values(text: str, values: set[object]) -> None:
    assert read(text)[0][1] == values


def test_numbers_side_by_side_stay_apart() -> None:
    found = [values for _, values, _ in read("five and six, one two, 1965-2003; 10:30")]
    assert found == [{5}, {6}, {1}, {2}, {1965}, {2003}, {10}, {30}]


def test_versions_and_dates_with_points_are_themselves() -> None:
    assert [values for _, values, _ in read("3.1.2 on 12.03.1965")] == [{"3.1.2"}, {"12.03.1965"}]


def test_percentages_and_currencies_have_a_unit() -> None:
    text = "5%, 5 per cent, five percent, $5, 5 dollars, USD 5, 5 €, £5, 5 people"
    assert [unit for _, _, unit in read(text)] == ["%", "%", "%", "$", "$", "$", "€", "£", ""]


def test_words_that_only_contain_a_number_are_none() -> None:
    assert read("weighty often phone someone tenant A320 hundreds") == []


def test_one_first_and_second_are_loose_and_twenty_one_is_not() -> None:
    found = {text: a.loose for text in ("one", "First", "second", "third", "1") for a in amounts(text)}
    assert found == {"one": True, "First": True, "second": True, "third": False, "1": False}
    assert not amounts("twenty-one")[0].loose


@given(st.integers(0, 10**9))
def test_thousands_marks_change_nothing(number: int) -> None:
    assert Fraction(number) in read_figures(f"{number:,}")
    assert Fraction(number) in read_figures(f"{number:,}".replace(",", " "))


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    text += " 5 " + "9" * 5000
    found = amounts(text)
    assert all(0 <= a.start < a.end <= len(text) and a.values for a in found)
    assert Fraction(5) in [value for a in found for value in a.values]
