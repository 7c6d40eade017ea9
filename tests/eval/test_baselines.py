"""The bench's own compressors against brute force."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tersus.compressors import (
    Budget,
    CompressedPassage,
    Passage,
    Span,
    Task,
    load_counter,
    render_context,
)
from tersus.errors import InvalidInput
from tersus.eval.baselines import Bm25Compressor, HeadCompressor

PASSAGES = [
    Passage(text="Dune is a novel. Frank Herbert wrote Dune in 1965.", title="Dune"),
    Passage(text="Sand is fine. Herbert is a name."),
    Passage(text=""),
    Passage(text="Nothing more."),
]


def longest_prefix(passages: list[Passage], limit: int) -> str:
    """The text of as many leading words as fit, found by trying every number of them."""
    count = load_counter()
    best = ""
    words = [(i, m.end()) for i, p in enumerate(passages) for m in re.finditer(r"\S+", p.text)]
    for last, end in words:
        blocks = [(p.title, p.text if i < last else p.text[:end]) for i, p in enumerate(passages[: last + 1])]
        text = "\n\n".join(f"{title}\n{body}" if title else body for title, body in blocks if body)
        if count(text) <= limit:
            best = text
    return best


@pytest.mark.parametrize("limit", range(1, 45))
def test_head_keeps_as_many_leading_words_as_fit(limit: int) -> None:
    result = HeadCompressor().compress("", PASSAGES, Budget(max_tokens=limit))
    assert result.text == longest_prefix(PASSAGES, limit)
    assert result.tokens_after == load_counter()(result.text) <= limit


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(alphabet="ab 1.\n", max_size=30), min_size=1, max_size=4), st.floats(0.05, 1))
def test_head_meets_a_ratio_from_below_to_the_word(texts: list[str], ratio: float) -> None:
    passages = [Passage(text=text) for text in texts]
    before = load_counter()(render_context([CompressedPassage.whole(p) for p in passages]))
    result = HeadCompressor().compress("q", passages, Budget(ratio=ratio))
    if result.tokens_after < before:
        assert result.text == longest_prefix(passages, int(ratio * before))
    assert result.tokens_after <= max(ratio * before, 0)


def test_head_says_when_not_even_a_word_fits_and_when_everything_does() -> None:
    passages = [Passage(text="Incomprehensibilities follow.")]
    nothing = HeadCompressor().compress("", passages, Budget(max_tokens=1))
    assert (nothing.text, nothing.passages[0].kept) == ("", [])
    assert nothing.reason == "max_tokens=1 is less than the first word needs"
    everything = HeadCompressor().compress("", passages, Budget(max_tokens=99))
    assert everything.text == passages[0].text
    assert everything.reason == "everything fits into max_tokens=99"


def test_head_refuses_budgets_that_need_a_score() -> None:
    with pytest.raises(InvalidInput, match="head has no scores"):
        HeadCompressor().compress("", PASSAGES, Budget())


def task(query: str, passages: list[Passage]) -> Task:
    return Task(query, passages, Budget(ratio=0.5), load_counter(), render_context, 1)


def plain_bm25(query: str, sentences: list[str]) -> list[float]:
    """Okapi BM25 written from its formula, one sentence and one term at a time."""
    bags = [re.findall(r"\w+", s.lower()) for s in sentences]
    mean = sum(map(len, bags)) / len(bags)
    scores = []
    for bag in bags:
        score = 0.0
        for term in set(re.findall(r"\w+", query.lower())):
            holding = sum(term in other for other in bags)
            idf = math.log(1 + (len(bags) - holding + 0.5) / (holding + 0.5))
            tf = bag.count(term)
            score += idf * tf * 2.2 / (tf + 1.2 * (1 - 0.75 + 0.75 * len(bag) / mean))
        scores.append(score)
    return scores


def test_bm25_scores_every_sentence_by_the_formula_over_all_passages_of_the_question() -> None:
    query = "Who wrote Dune, Herbert or Herbert?"
    (candidates,) = Bm25Compressor()._score_batch([task(query, PASSAGES)])
    texts = [[p.text[s.start : s.end] for s in spans] for p, spans in zip(PASSAGES, candidates, strict=True)]
    assert texts == [
        ["Dune is a novel.", "Frank Herbert wrote Dune in 1965."],
        ["Sand is fine.", "Herbert is a name."],
        [],
        ["Nothing more."],
    ]
    scores = [span.score for spans in candidates for span in spans]
    assert scores == pytest.approx(plain_bm25(query, [text for passage in texts for text in passage]))
    assert max(scores) == scores[1]
    assert scores[4] == 0


def test_bm25_keeps_the_sentence_that_shares_the_most_with_the_question() -> None:
    result = Bm25Compressor().compress("Who wrote Dune?", PASSAGES, Budget(max_tokens=14))
    assert result.text == "Dune\nFrank Herbert wrote Dune in 1965."
    kept = result.passages[0].kept
    assert kept is not None
    assert [(s.start, s.end) for s in kept] == [(17, 50)]


def test_bm25_without_a_limit_keeps_what_shares_a_word_with_the_question() -> None:
    result = Bm25Compressor().compress("herbert", PASSAGES, Budget())
    assert result.text == "Dune\nFrank Herbert wrote Dune in 1965.\n\nHerbert is a name."


def test_bm25_of_passages_without_words_is_zero_and_not_an_error() -> None:
    (candidates,) = Bm25Compressor()._score_batch([task("what?", [Passage(text="!!!")])])
    assert candidates == [[Span(0, 3, 0.0)]]
