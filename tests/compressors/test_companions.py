"""What a kept span brings: headings, an opening title, the first sentence."""

from __future__ import annotations

import pytest
from tersus.compressors import Passage, Protection, Span
from tersus.compressors.companions import find_companions
from tersus.compressors.segment import split
from tersus.compressors.segment.levels import UNMARKED, HeadingLevels

GUIDE = """# Guide

Read this first.

## Install

Run the installer.

### Windows

Double-click it.

## Use

1. Open a file.
"""


def brought(text: str, protection: Protection, title: str = "") -> dict[str, list[str]]:
    """For each segment with companions their texts, by its own text."""
    passage = Passage(text=text, title=title)
    spans = [Span(s.start, s.end) for s in split(text)]
    texts = [text[s.start : s.end] for s in spans]
    found = find_companions(passage, spans, protection)
    return {texts[i]: [texts[j] for j in others] for i, others in enumerate(found) if others}


def test_nothing_is_brought_by_default() -> None:
    assert brought(GUIDE, Protection(keep=["Run"])) == {}


def test_a_segment_brings_the_headings_of_its_section_innermost_first() -> None:
    assert brought(GUIDE, Protection(headings=True)) == {
        "Read this first.": ["# Guide"],
        "## Install": ["# Guide"],
        "Run the installer.": ["## Install", "# Guide"],
        "### Windows": ["## Install", "# Guide"],
        "Double-click it.": ["### Windows", "## Install", "# Guide"],
        "## Use": ["# Guide"],
        "1. Open a file.": ["## Use", "# Guide"],
    }


def test_a_heading_that_repeats_the_title_is_left_to_the_renderer() -> None:
    found = brought(GUIDE, Protection(headings=True, titles=True), title=" guide\n")
    assert found["Run the installer."] == ["## Install"]
    assert "Read this first." not in found


def test_the_opening_heading_is_brought_by_all_and_no_other() -> None:
    found = brought(GUIDE, Protection(titles=True))
    texts = [GUIDE[s.start : s.end] for s in split(GUIDE)]
    assert found == {text: ["# Guide"] for text in texts[1:]}
    assert brought("No heading here. None at all.\n\n# Late\n\nText.", Protection(titles=True)) == {}


def test_underlined_headings_nest_in_the_order_in_which_their_marks_appear() -> None:
    text = "Guide\n*****\n\nFirst.\n\nInstall\n-------\n\nSecond.\n\nUse\n-------\n\nThird.\n"
    found = brought(text, Protection(headings=True))
    assert found["Third."] == ["Use\n-------", "Guide\n*****"]
    assert found["Second."] == ["Install\n-------", "Guide\n*****"]


@pytest.mark.parametrize(
    ("text", "heading", "expected"),
    [
        ("# a", "### Deep  one ##", (3, "Deep one")),
        ("", "== Wiki ==", (2, "Wiki")),
        ("", "-[ Rubric ]-", (UNMARKED, "Rubric")),
        ("# a", "Setext\nheading\n---", (2, "Setext heading")),
        ("", "Setext\n---", (1, "Setext")),
        ("", "=====\nOver\n=====", (1, "Over")),
        ("", "Plain", (UNMARKED, "Plain")),
    ],
)
def test_levels_follow_the_marks(text: str, heading: str, expected: tuple[int, str]) -> None:
    assert HeadingLevels(text).read(heading) == expected


@pytest.mark.parametrize(
    "sentence",
    [
        "He left.",
        "It's old.",
        '"They were," she said.',
        "THIS is it.",
        "- Its roof leaks.",
        "Those of 1990 stay.",
    ],
)
def test_a_pronoun_at_the_beginning_brings_the_first_sentence(sentence: str) -> None:
    text = f"Ada Lovelace was born in 1815. Rain fell.\n\n{sentence}"
    assert brought(text, Protection(antecedents=True)) == {sentence: ["Ada Lovelace was born in 1815."]}


@pytest.mark.parametrize(
    "sentence",
    ["Ada left.", "Hermes ran.", "Thesis done.", "When he left, it rained.", "I saw them."],
)
def test_other_beginnings_bring_nothing(sentence: str) -> None:
    assert brought(f"Ada Lovelace was born. Rain fell.\n\n{sentence}", Protection(antecedents=True)) == {}


def test_a_first_sentence_that_points_back_itself_is_no_antecedent() -> None:
    assert brought("She was born in 1815. She wrote notes.", Protection(antecedents=True)) == {}


def test_headings_code_and_tables_are_no_antecedents_and_have_none() -> None:
    text = "# Ada\n\n```\nthis = 1\n```\n\nAda was born. Rain fell.\n\n```\nit = this\n```\n\nShe wrote.\n"
    assert brought(text, Protection(antecedents=True)) == {"She wrote.": ["Ada was born."]}
    both = brought(text, Protection(antecedents=True, headings=True))
    assert both["She wrote."] == ["Ada was born.", "# Ada"]
