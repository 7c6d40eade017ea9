import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tersus.compressors.segment import split
from tersus.compressors.segment.word_units import split_words
from tersus.compressors.wordwise import pool_tokens, scored_spans, units_of


def words(text: str) -> list[str]:
    return [text[u.start : u.end] for u in split_words(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It rained in Paris.", ["It", "rained", "in", "Paris", "."]),
        (
            "He paid 1 000 000 $ on 3 May 1990, then left!",
            ["He", "paid", "1 000 000", "$", "on", "3 May 1990,", "then", "left", "!"],
        ),
        ("Call `foo( bar )` or x_y-1.", ["Call", "`foo( bar )`", "or", "x_y-1", "."]),
        ("He lives in the U.S.", ["He", "lives", "in", "the", "U.S."]),
        ("他来了，我走了。你呢？", ["他来了，", "我走了", "。", "你呢", "？"]),
        ("See https://a.b/c?d=1.", ["See", "https://a.b/c?d=1."]),
        ('She asked: "Why?"', ["She", "asked:", '"Why', '?"']),
        ("...", ["..."]),
        ("", []),
    ],
)
def test_words_keep_amounts_dates_and_code_whole(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_code_tables_headings_and_items_are_never_taken_apart() -> None:
    text = "# Big head\n\n- one item\n\n```\na = b + c\nd = e\n```\n\n| a b | c |\n|---|---|\n| d | e f |\n"
    assert {u.kind for u in split_words(text)} == {"block"}
    assert len(words(text)) == 4


def test_inline_code_stays_whole_whatever_marks_it_holds() -> None:
    assert [(u.kind, u.start, u.end) for u in split_words("Ask `a ?`")] == [("word", 0, 3), ("word", 4, 9)]
    assert [(u.kind, u.start, u.end) for u in split_words("`甲，乙 ?`")] == [("word", 0, 7)]
    assert [u.kind for u in split_words("Run `a b`.")] == ["word", "word", "mark"]


@settings(deadline=None, max_examples=300)
@given(
    st.text(alphabet=st.sampled_from("ab1 .,?!\n-#`|　。中、é\u0301\u200d👩🏽$%_"), max_size=80)
    | st.text(max_size=60)
)
def test_words_lie_in_order_inside_segments_and_lose_nothing_but_blanks(text: str) -> None:
    units, segments = split_words(text), split(text)
    last = 0
    for unit in units:
        assert last <= unit.start < unit.end
        assert not text[last : unit.start].strip()
        segment = segments[unit.segment]
        assert segment.start <= unit.start
        assert unit.end <= segment.end
        assert not text[unit.start].isspace()
        assert not text[unit.end - 1].isspace()
        last = unit.end
    assert not text[last:].strip()


def test_a_units_score_pools_the_tokens_that_touch_it() -> None:
    text = "alpha beta gamma."
    units = units_of(text, "word")
    offsets = [(0, 0), (0, 3), (3, 5), (6, 10), (11, 16), (16, 17), (17, 17)]
    values = [9, 1, 3, 2, 5, 7, 9]
    assert pool_tokens(units, offsets, values).tolist() == [3, 2, 5, 7]
    assert pool_tokens(units, offsets, values, "mean").tolist() == [2, 2, 5, 7]
    assert pool_tokens(units, offsets[:4], values[:4], "sum", missing=-1).tolist() == [4, 2, -1, -1]
    assert pool_tokens(units_of(text, "sentence"), offsets, values).tolist() == [7]


def test_the_end_of_a_sentence_scores_as_its_best_word() -> None:
    units = units_of("One two. Three four.", "word")
    spans = scored_spans(units, np.array([1.0, 4.0, 0.0, -3.0, -2.0, 0.0]))
    assert [s.score for s in spans] == [1, 4, 4, -3, -2, -2]
