"""What holds for every text, and for sentences that are too long."""

from __future__ import annotations

import unicodedata

import pytest
import regex  # type: ignore[import-untyped]
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tersus.compressors.segment import Segment, split
from tersus.errors import InvalidInput, TersusError

PIECES = [
    *(
        "a",
        "b ",
        "Word ",
        "The ",
        "Mr. ",
        ". ",
        "! ",
        "? ",
        "… ",
        ", ",
        "; ",
        "— ",
        "。",
        "，",
        "中",
        "文",
        "あ",
    ),
    *(
        "ー",
        "ไ",
        "ท",
        "ำ",
        "\u0301",
        "\u200d",
        "👩‍💻",
        "🇩🇪",
        "\ud800",
        "\x00",
        "\r\n",
        "\n",
        "\n\n",
        "\u2028",
        "\x1c",
    ),
    *(
        "\x85",
        "    ",
        "\t",
        "- ",
        "* ",
        "1. ",
        "A. ",
        "```",
        "~~~",
        "|",
        "|--",
        "===",
        "---",
        "# ",
        "> ",
        ">>> ",
    ),
    *("x = 1\n", "::\n", "3.14", "`", "(", ")", "「", "」", "“", "”", '"', "'", "क", "्", "ष", "।", "\u0600"),
    *("한", "글", "\u200b", "\ufeff", "+--+", "==  ==", "[1]", "5 May ", "年", "7"),
]
TEXTS = st.text(st.characters()) | st.lists(st.sampled_from(PIECES), max_size=50).map("".join)
ATOMS = [
    *(
        "3.14",
        "1,000",
        "10:30",
        "1e-5",
        "2020-05-17",
        "12.5.2020",
        "foo.bar_baz",
        "a-b-c",
        "file.txt",
        "v1.2.3",
    ),
    *(
        "x_1",
        "me@example.org",
        "https://a.example/b?c=d.e;f,g",
        "U.S.A",
        "C:\\a.b",
        "e\u0301te\u0301",
        "👩‍💻",
    ),
    *(
        "don't",
        "5 May 2020",
        "May 5, 2020",
        "3. Oktober 1990",
        "No. 5",
        "1 000 000",
        "10:30 p.m.",
        "`a. B; c, d`",
    ),
    "2023年5月3日",
]
SEPARATORS = [" ", ". ", "; ", ", ", "\n", "! ", " (", ") "]


def check(text: str, segments: list[Segment]) -> None:
    """The promises of ``split``, each tested by its own definition."""
    clusters = {match.start() for match in regex.finditer(r"\X", text)} | {len(text)}
    covered = 0
    for number, segment in enumerate(segments):
        assert covered <= segment.start < segment.end <= len(text)
        assert not text[covered : segment.start].strip()
        assert not text[segment.start].isspace()
        assert not text[segment.end - 1].isspace()
        if number:
            assert {covered, segment.start} <= clusters
        if number and covered == segment.start:
            before, after = text[covered - 1], text[covered]
            if (before.isalnum() or before == "_") and (after.isalnum() or after == "_"):
                assert {unicodedata.category(before), unicodedata.category(after)} <= {"Lo", "Lm"}
        covered = segment.end
    assert not text[covered:].strip()


@settings(max_examples=300)
@given(TEXTS, st.sampled_from([1, 2, 7, 40, 600]))
@example(" \u0301a. \u0301b", 600)
@example("\n\n", 600)
@example("\ud800. \udfff! A", 1)
@example("\u0600 A. B", 600)
def test_segments_cover_every_visible_character_once_and_cut_no_word_or_cluster(
    text: str, limit: int
) -> None:
    segments = split(text, max_chars=limit)
    check(text, segments)
    assert segments == split(text, max_chars=limit)


@given(
    st.lists(st.tuples(st.sampled_from(ATOMS), st.sampled_from(SEPARATORS)), max_size=12),
    st.sampled_from([1, 20, 600]),
)
def test_no_number_date_identifier_address_or_inline_code_is_cut(
    pairs: list[tuple[str, str]], limit: int
) -> None:
    text, places = "", []
    for atom, separator in pairs:
        text += "word "
        places.append((len(text), len(text) + len(atom)))
        text += atom + separator
    segments = split(text, max_chars=limit)
    check(text, segments)
    for start, end in places:
        assert [1 for segment in segments if segment.start <= start and end <= segment.end] == [1]


@given(st.lists(st.text("abcXYZ,;:. ", min_size=1, max_size=20), max_size=60), st.integers(30, 200))
def test_only_what_holds_no_blank_exceeds_the_limit(parts: list[str], limit: int) -> None:
    text = " ".join(parts)
    for segment in split(text, max_chars=limit):
        if segment.end - segment.start > limit and segment.kind != "code":
            assert not any(char.isspace() for char in text[segment.start : segment.end])


def parts(text: str, limit: int) -> list[str]:
    return [text[segment.start : segment.end] for segment in split(text, max_chars=limit)]


def test_a_long_sentence_is_divided_at_clauses_before_commas_before_blanks() -> None:
    text = "The committee, which had met on May 5, 2020, decided; after a long debate it was, and left."
    assert parts(text, 60) == [
        "The committee, which had met on May 5, 2020, decided;",
        "after a long debate it was, and left.",
    ]
    assert parts("one two three, four five six seven", 25) == ["one two three,", "four five six seven"]
    assert parts("one two three four", 10) == ["one two", "three four"]


def test_dashes_divide_words_but_not_numbers() -> None:
    assert parts("word—another word—third", 13) == ["word—another", "word—third"]
    assert parts("pages 10—12", 8) == ["pages", "10—12"]


def test_an_inner_sentence_end_is_the_best_place_of_all() -> None:
    assert (
        parts("He said (I quote: It is so. And it was so, too.) that.", 30)[0]
        == "He said (I quote: It is so."
    )


def test_words_and_encoded_data_are_never_broken() -> None:
    blob = "QUJD" * 300
    assert parts(f"Decode {blob} now.", 100) == ["Decode", blob, "now."]
    assert parts("x" * 5000, 600) == ["x" * 5000]


def test_text_without_blanks_is_divided_at_marks_then_between_graphemes() -> None:
    assert parts("これは長い文章であり、途中に句読点がいくつかあります", 16) == [
        "これは長い文章であり、",
        "途中に句読点がいくつかあります",
    ]
    assert all(len(part) <= 20 for part in parts("我们在这里写一个没有标点的很长的句子" * 10, 20))
    assert (
        "".join(parts("我们在这里写一个没有标点的很长的句子" * 10, 20))
        == "我们在这里写一个没有标点的很长的句子" * 10
    )
    assert parts("今天是二〇二三年五月三日价格是三百五十元", 9)[1] == "二〇二三年五月三日"
    thai = "สวัสดีครับผมชื่อสมชายและผมอาศัยอยู่ในกรุงเทพมหานคร"
    assert len(parts(thai, 12)) > 3
    assert not any(part[-1] in "เแโใไ" or unicodedata.combining(part[0]) for part in parts(thai, 12))


def test_a_long_item_is_divided_into_sentences_that_stay_items() -> None:
    text = "- It has sentences. And more of them; really many."
    assert [(s.kind, text[s.start : s.end]) for s in split(text, max_chars=40)] == [
        ("item", "- It has sentences."),
        ("item", "And more of them; really many."),
    ]


MONOTONOUS = {
    **dict.fromkeys(["a", "1", ".", "`", "(", "|", "a.", "\u0301", "=", "e\u0301", "「"], 1),
    **{"# a\n": 25_000, "- a\n": 25_000, "。中": 50_000, "---\n\n": 20_000, "a\n\n": 33_333, "A! ": 33_333},
}


@pytest.mark.parametrize("unit", MONOTONOUS)
def test_a_hundred_thousand_monotonous_characters_are_no_obstacle(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    found = split(text)
    assert found[0].start == 0
    assert found[-1].end == len(text.rstrip())
    assert abs(len(found) - MONOTONOUS[unit]) <= 1  # "。中" begins with a terminator


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(limit: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        split("text", max_chars=limit)
    assert isinstance(caught.value, TersusError)
    assert caught.value.hint


def test_bytes_are_refused() -> None:
    with pytest.raises(InvalidInput):
        split(b"text")  # type: ignore[arg-type]
