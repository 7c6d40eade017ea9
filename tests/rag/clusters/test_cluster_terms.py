"""Key terms: words of any script, and weights against the formula worked out by hand."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from tersus.rag.clusters.terms import _TOPICS, key_terms
from tersus.rag.clusters.words import words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "The lamp's CABLE, 2 metres; the 2nd one!",
            ["the", "lamp's", "cable", "metres", "the", "2nd", "one"],
        ),
        ("state-of-the-art - and -so", ["state-of-the-art", "and", "so"]),
        ("Straße, naïve, ÉCOLE", ["straße", "naïve", "école"]),
        ("l’été", ["l'été"]),
        ("हिन्दी में लिखा", ["हिन्दी", "में", "लिखा"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("кот и пёс", ["кот", "пёс"]),
        ("光ファイバー", ["光フ", "ファ", "ァイ", "イバー"]),
        ("日。本x", ["日", "本"]),
        ("สวัสดี", ["สวั", "วัส", "สดี"]),
        ("GPU用の12", ["gpu", "用の"]),
        ("ＦＵＬＬ ｗｉｄｔｈ", ["full", "width"]),
        ("a 1 42 ... \x00 \ud800 🙂", []),
        ("", []),
    ],
)
def test_words_of_any_script(text: str, expected: list[str]) -> None:
    assert list(words(text)) == expected


@given(st.text(max_size=60))
def test_any_text_has_words_without_blanks_or_capitals(text: str) -> None:
    for word in words(text):
        assert word
        assert not any(character.isspace() for character in word)
        assert word == word.lower()


def by_hand(texts: list[str], numbers: list[int], count: int) -> dict[int, list[str]]:
    """The same by counters and plain loops."""
    counts: dict[int, Counter[str]] = {number: Counter() for number in numbers}
    for text, number in zip(texts, numbers, strict=True):
        counts[number].update(words(text))
    total = sum(counts.values(), Counter[str]())
    every = sum(total.values())
    mean = every / len(counts)
    found = {}
    for number, own in counts.items():
        inside = sum(own.values())
        weights = {}
        for term, here in own.items():
            elsewhere, outside = total[term] - here, every - inside
            if elsewhere and here / inside < 2 * elsewhere / outside * (1 - 1e-12):
                continue
            if term not in ENGLISH_STOP_WORDS - _TOPICS:
                weights[term] = here * math.log(1 + mean / total[term])
        found[number] = sorted(weights, key=lambda term: (-round(weights[term], 9), term))[:count]
    return found


WORDS = ["ab", "cd", "ef", "gh", "the", "fire", "日本", "日光", "кот"]
LETTERS = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)


@settings(max_examples=150)
@given(st.lists(st.tuples(LETTERS, st.integers(0, 4)), min_size=1, max_size=12), st.integers(1, 5))
def test_the_weights_are_those_of_the_formula(rows: list[tuple[str, int]], count: int) -> None:
    texts, numbers = [text for text, _ in rows], [number for _, number in rows]
    assert key_terms(texts, np.array(numbers), count) == by_hand(texts, numbers, count)


def test_what_a_cluster_is_about_comes_first_and_what_all_share_not_at_all() -> None:
    texts = ["The lamp of the shop is a bright lamp, and the lamp is cheap."] * 4
    texts += ["The pen of the shop is a leaking pen, and the ink is blue."] * 4
    texts += ["Der Stift der Firma ist der beste, und der Stift ist blau."] * 4
    found = key_terms(texts, np.repeat([7, 2, 5], 4), 4)
    assert sorted(found) == [2, 5, 7]
    assert found[7][0] == "lamp"
    assert set(found[7]) == {"lamp", "bright", "cheap"}
    assert found[2][0] == "pen"
    assert "shop" not in found[7] + found[2]
    assert "stift" in found[5]


@pytest.mark.parametrize("texts", [[""], ["1 2 3", "..."], ["the of and"]])
def test_texts_without_terms_have_none(texts: list[str]) -> None:
    found = key_terms(texts, np.zeros(len(texts), dtype=np.int64), 5)
    assert found == {0: []}


def test_one_cluster_alone_has_terms() -> None:
    found: Any = key_terms(["A fire in the mill", "The mill burns"], np.zeros(2, dtype=np.int64), 3)
    assert found == {0: ["mill", "burns", "fire"]}
