"""Words of any script: what BM25 counts."""

from __future__ import annotations

import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tersus.rag.search.words import words_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t.,;!?—", []),
        ("To be, or not to be", ["to", "be", "or", "not", "to", "be"]),
        ("IL-6 and p53_mutant, 3.14", ["il", "6", "and", "p53", "mutant", "3", "14"]),
        ("running runs RUN", ["run", "run", "run"]),
        ("Straße STRASSE Strasse", [words_of(["strasse"])[0][0]] * 3),
        ("café cafe\u0301 CAFÉ", [words_of(["cafe"])[0][0]] * 3),
        ("ﬁle ｆｉｌｅ", ["file", "file"]),
        ("東京都", ["東京", "京都"]),
        ("東", ["東"]),
        ("Python入門2024年", ["python", "入門", "2024", "年"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("Ελλάδα ΕΛΛΆΔΑ", ["ελλαδα", "ελλαδα"]),
        ("a\x00b\ud800c", ["a", "b", "c"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words_of([text]) == [expected]


@given(st.text())
def test_case_and_composition_do_not_matter(text: str) -> None:
    (words,) = words_of([text])
    assert words_of([unicodedata.normalize("NFD", text)]) == [words]
    assert words_of([unicodedata.normalize("NFC", text)]) == [words]
    assert all(words)
    assert not [word for word in words if " " in word]


def test_threads_stem_alike() -> None:
    texts = [f"nationalities generalization word{n}ing relational conditional" for n in range(200)]
    expected = words_of(texts)
    with ThreadPoolExecutor(8) as pool:
        assert all(found == expected for found in pool.map(lambda _: words_of(texts), range(16)))
