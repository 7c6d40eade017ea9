"""A number or name that stands in no source is found, and what does stand there is let pass."""

from __future__ import annotations

import pytest
from hypothesis import given
from tersus.compressors.summarise import unsupported
from tersus.compressors.summarise.faithful import Evidence, sources_of
from tersus.compressors.summarise.names import identifiers, names
from tersus.compressors.summarise.words import commonly_lower_case, key

from tests.compressors.strategies import texts

SOURCE = (
    "Frank Herbert wrote Dune in 1965; it sold 12,000,000 copies (5% of them in the U.S.A.). "
    "John Brown and Mary Smith, CEO of Apple, liked the F-15 and model A320. "
    "The covid 19 years cost $3.5 million, as https://example.com/a?b=1 says. Set max_tokens to 0.5. "
    "Rolf went to Oxford University on 12.03.1970 with Beyoncé."
)


@pytest.mark.parametrize(
    "summary",
    [
        "Dune, by Frank Herbert, sold 12 million copies.",
        "Herbert's novel sold twelve million copies in 1965.",
        "Mary Smith is Apple's CEO.",
        "Five percent were sold in the USA.",
        "COVID-19 cost 3,500,000 dollars.",
        "Readers praised it. Overall, critics did not. However, one reader liked it first.",
        "The F-15 and the A320 were liked.",
        "See https://example.com/a?b=1.",
        "`max_tokens` should be 0.5.",
        "Rolf was at the University of Oxford in 1970.",
        "BEYONCE went, too.",
        "- Guests were happy\n- Staff was kind",
        "I think it's good.",
        "",
        "🙂 彼は本を書いた。",
    ],
)
def test_what_the_source_says_passes(summary: str) -> None:
    assert unsupported(summary, [SOURCE]) == []


@pytest.mark.parametrize(
    ("summary", "found"),
    [
        ("Dune sold 13 million copies.", ["13 million"]),
        ("Dune sold 1,200,000 copies.", ["1,200,000"]),
        ("Fourteen critics liked it.", ["Fourteen"]),
        ("It cost five dollars.", ["five"]),
        ("3.5% were sold.", ["3.5"]),
        ("Franklin Herbert wrote Dune.", ["Franklin Herbert"]),
        ("It was liked by John Smith.", ["John Smith"]),
        ("Microsoft liked it.", ["Microsoft"]),
        ("In Paris it rained.", ["Paris"]),
        ("He drove the F-16 and the A321.", ["F-16", "A321"]),
        ("See https://example.com/a?b=2.", ["https://example.com/a?b=2"]),
        ("Set min_tokens to 0.5.", ["min_tokens"]),
        ("The NATO and Rolf came in 1971.", ["NATO", "1971"]),
    ],
)
def test_what_the_source_does_not_say_is_named(summary: str, found: list[str]) -> None:
    assert unsupported(summary, [SOURCE]) == found


def test_the_words_of_a_name_must_stand_together_in_one_source() -> None:
    assert unsupported("It was John Smith.", ["John came.", "Smith went."]) == ["John Smith"]
    assert unsupported("It was John Smith.", ["Nobody.", "John A. Smith went."]) == []


def test_without_sources_every_number_and_name_is_unsupported() -> None:
    assert unsupported("In 1965 Herbert wrote.", []) == ["1965", "Herbert"]


@given(texts)
def test_a_text_is_supported_by_itself(text: str) -> None:
    assert unsupported(text, [text]) == []


@given(texts, texts)
def test_two_texts_support_each_of_them(one: str, other: str) -> None:
    assert unsupported(one, [other, one]) == []


def test_sources_are_the_texts_with_the_same_words_and_those_of_its_numbers() -> None:
    given_texts = [
        "The hotel staff was kind.",
        "It rained in March.",
        "There are 120 beds.",
        "Hotel staff: kind.",
    ]
    evidence = [Evidence(text) for text in given_texts]
    assert sources_of("The staff of the hotel is kind.", evidence) == ((0, 3), set())
    assert sources_of("The staff of the hotel with 120 beds is kind.", evidence)[0] == (0, 2, 3)
    assert sources_of("Nothing shared.", evidence)[0] != ()


def test_names_are_runs_of_capitals_with_their_connectors() -> None:
    text = (
        "Dr. No met John F. Kennedy at the University of Oxford. Guests loved the U.S. Army's iPhone, Wi-Fi."
    )
    found = [text[name.start : name.end] for name in names(text)]
    assert found == ["No", "John F. Kennedy", "University of Oxford", "U.S. Army's iPhone", "Wi-Fi"]


def test_identifiers_are_told_from_amounts() -> None:
    text = (
        "A320, F-16, os.path (see a@b.org) but 20mg, 5-star, 30-day, 20-year-old, 3rd, 1990s, 10am, or/and."
    )
    assert [text[a:b] for a, b in identifiers(text)] == ["A320", "F-16", "os.path", "a@b.org"]


def test_words_that_open_sentences_are_told_from_names() -> None:
    words = ("The Overall Guests Unfortunately Breakfast", "Microsoft Paris Herbert London Toyota")
    assert [all(map(commonly_lower_case, w.split())) for w in words] == [True, False]
    assert not any(map(commonly_lower_case, words[1].split()))


def test_a_key_has_no_case_accent_possessive_or_plural() -> None:
    assert {key(word) for word in ("Beyoncé’s", "BEYONCE", "beyonces")} == {"beyonce"}
