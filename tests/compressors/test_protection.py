"""Keep patterns: what they match, what is refused, and what is said to be lost."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tersus.compressors import (
    Budget,
    CompressedPassage,
    Compressor,
    Draft,
    KeepTooSlow,
    Passage,
    Protection,
    SourcedSentence,
    Span,
    Task,
    load_compressor,
)
from tersus.errors import InvalidInput

PLATE = "The car HH-AB 123 was seen. It was red."


def test_nothing_is_protected_by_default() -> None:
    assert Protection() == Protection(keep=(), titles=False, headings=False, antecedents=False)
    assert not Protection().brings
    assert Protection().matches(["text"]) == [[]]
    assert Protection().loss([CompressedPassage.of(Passage(text="text"), [])]) is None


def test_it_is_a_value() -> None:
    assert Protection(keep=["a", "b"]) == Protection(keep=("a", "b"))
    assert len({Protection(keep=["a"]), Protection(keep=("a",)), Protection(headings=True)}) == 2


@given(
    st.lists(st.text("ab1 .\n", max_size=30), max_size=4),
    st.lists(st.sampled_from([r"\d+", r"a b", r"(?m)^b", r"b*", r"\s", r"(?i)A(?=b)"]), max_size=3),
)
def test_matches_are_those_of_the_standard_library(texts: list[str], keep: list[str]) -> None:
    found = Protection(keep=keep).matches(texts)
    for text, spans in zip(texts, found, strict=True):
        expected = {m.span() for pattern in keep for m in re.finditer(pattern, text) if m.group()}
        assert spans == sorted(expected)


@pytest.mark.parametrize(
    ("keep", "said"),
    [
        ([r"\d", "a[b"], r"keep pattern 2 ('a[b') is broken at position 3: unterminated character set"),
        (["a)"], "is broken at position 1"),
        (["*"], "is broken at position 0: nothing to repeat"),
        ([r"\p{Nope}"], "unknown property"),
        ([""], "keep pattern 1 must be a regular expression, got ''"),
        ([None], "keep pattern 1 must be a regular expression, got None"),
        ([re.compile("a")], "keep pattern 1 must be a regular expression"),
        (["a" * 1001], "keep pattern 1 has 1001 characters, more than 1000"),
        (["(" * 450 + "a" + ")" * 450], "nested too deeply"),
        ("abc", "must be a list"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused_with_its_place(keep: Any, said: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(said)):
        Protection(keep=keep)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [(r"(.*)(.*)(.*)(.*)(.*)[xyz]$", "ab" * 400), (r"(?:a|a)*+b|(a|a)*[bc]\1", "b" + "a" * 50)],
)
def test_a_pattern_that_backtracks_without_end_is_given_up(pattern: str, text: str) -> None:
    protection = Protection(keep=["fine", pattern])
    passages = [Passage(text=text), Passage(text="b")]
    with pytest.raises(KeepTooSlow, match="keep pattern 2") as caught:
        load_compressor("none").compress("q", passages, Budget(max_tokens=3), protection=protection)
    assert caught.value.code == "keep_too_slow"


def test_matches_without_number_are_given_up_too(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr("tersus.compressors.protection.time.perf_counter", lambda: float(next(clock)))
    with pytest.raises(KeepTooSlow):
        Protection(keep=["."]).matches(["a long text of which every character matches"])


class Rewriting(Compressor):
    """Keeps half of the words, and no offsets."""

    name = "rewriting"
    kind = "abstractive"

    def _compress_batch(self, tasks: list[Task]) -> list[Draft]:  # type: ignore[override]
        return [
            Draft(
                [
                    CompressedPassage.rewritten(p, [SourcedSentence("A car, HH-AB 123.", (i,))])
                    for i, p in enumerate(task.passages)
                ],
                "in short",
            )
            for task in tasks
        ]


def test_a_compressor_that_loses_a_match_has_to_say_so() -> None:
    keep = Protection(keep=[r"\b[A-Z]{2}-[A-Z]{2} \d+\b", "red"])
    result = Rewriting().compress("q", [Passage(text=PLATE)], protection=keep)
    assert result.reason == "in short; 1 of 2 matches of keep patterns were lost, first 'red'"
    passages = [Passage(text="First passage."), Passage(text=PLATE)]
    cut = load_compressor("none").compress("q", passages, Budget(max_tokens=5), protection=keep)
    assert cut.reason == (
        "max_tokens=5 holds the first 1 of 2 passages; "
        "2 of 2 matches of keep patterns were lost, first 'HH-AB 123'"
    )


def test_a_match_is_lost_where_any_of_its_ink_is() -> None:
    passage = Passage(text="One two. Three four.")
    across = Protection(keep=[r"two\. Three"])
    kept = {
        None: [Span(0, 8), Span(9, 20)],  # the blank between two sentences is no loss
        "first 'two. Three'": [Span(0, 8)],
    }
    for said, spans in kept.items():
        loss = across.loss([CompressedPassage.of(passage, spans)])
        assert loss is None if said is None else str(loss).endswith(said)
