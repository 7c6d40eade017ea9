"""``crag``: what collapses, how large the context gets, and what every compressor promises."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tersus.compressors import (
    Budget,
    CalibrationMissing,
    CompressedPassage,
    Compression,
    Passage,
    Protection,
    load_counter,
    render_context,
)
from tersus.compressors.crag import CragCompressor
from tersus.compressors.segment import split
from tersus.errors import InvalidInput

from ..strategies import bag_of_words, budgets, passages, protections

OPINIONS = ["The battery lasts long.", "The screen is far too dark.", "Shipping took three weeks."]
crag = CragCompressor(embedder=bag_of_words)


def kept(result: Compression) -> list[str]:
    return [p.source.text[s.start : s.end] for p in result.passages for s in p.kept or []]


def reviews(count: int, seed: int = 0) -> list[Passage]:
    """Sentences of like length over a few subjects, none said twice."""
    chance = np.random.default_rng(seed)
    subjects = ["battery", "screen", "keyboard", "shipping", "price"]
    words = [f"word{i}" for i in range(400)]
    return [
        Passage(text=f"The {chance.choice(subjects)} is {' '.join(chance.choice(words, 6))} number {i}.")
        for i in range(count)
    ]


def check(result: Compression, given_passages: list[Passage], budget: Budget) -> None:
    assert [p.source for p in result.passages] == given_passages
    for passage in result.passages:
        assert passage.kept is not None
        units = {(s.start, s.end) for s in split(passage.source.text)}
        starts, ends = {start for start, _ in units}, {end for _, end in units}
        whole = [(s.start, s.end) for s in passage.kept] == [(0, len(passage.source.text))]
        assert whole or all(s.start in starts and s.end in ends for s in passage.kept)
    assert result.text == render_context(result.passages)
    assert result.tokens_after == load_counter()(result.text)
    if budget.max_tokens is not None:
        assert result.tokens_after <= budget.max_tokens
    if not result.text:
        assert result.reason


@settings(max_examples=80)
@given(query=st.sampled_from(["", "Who wrote Dune?"]), given_passages=passages, budget=budgets)
def test_the_contract_holds_with_and_without_a_question(
    query: str, given_passages: list[Passage], budget: Budget
) -> None:
    check(crag.compress(query, given_passages, budget), given_passages, budget)


@settings(max_examples=60)
@given(given_passages=passages, budget=budgets, protection=protections)
def test_the_contract_holds_with_protection(
    given_passages: list[Passage], budget: Budget, protection: Protection
) -> None:
    result = crag.compress("", given_passages, budget, protection=protection)
    check(result, given_passages, budget)
    lost = protection.loss(result.passages)
    assert lost is None or lost in str(result.reason)
    if budget.adaptive:
        assert lost is None
    assert protection.loss([CompressedPassage.whole(p) for p in given_passages]) is None


def test_what_is_said_a_hundred_times_is_sent_once() -> None:
    given_passages = [Passage(text=OPINIONS[i % 3]) for i in range(120)]
    result = crag.compress("", given_passages)
    assert sorted(kept(result)) == sorted(OPINIONS)
    assert [p.source.text for p in result.passages[:3]] == kept(result)
    assert result.kept < 0.05


def test_differences_of_blanks_are_none() -> None:
    given_passages = [
        Passage(text="The battery  lasts\tlong."),
        *[Passage(text="The battery lasts long.")] * 9,
    ]
    assert kept(crag.compress("", given_passages)) == ["The battery  lasts\tlong."]


def test_near_duplicates_count_as_one_from_the_cosine_that_is_set() -> None:
    texts = [
        "The battery of this small phone lasts long and longer.",
        "The battery of this small phone lasts long and longest.",
        "Rain fell in Paris all day.",
        "Cats purr at night.",
    ]
    vectors = bag_of_words(texts)
    cosine = float(vectors[0] @ vectors[1])
    assert 0.8 < cosine < 0.95
    below = CragCompressor(embedder=bag_of_words, same=cosine - 0.01).score(
        "", [Passage(text=" ".join(texts))]
    )
    above = CragCompressor(embedder=bag_of_words, same=cosine + 0.01).score(
        "", [Passage(text=" ".join(texts))]
    )
    assert sum(span.score <= 0 for span in below[0]) == 1
    assert sum(span.score <= 0 for span in above[0]) == 0
    lower = min(below[0][:2], key=lambda span: span.score)
    assert lower.score == pytest.approx(-cosine, abs=1e-6)


def test_the_context_stays_flat_while_the_passages_grow() -> None:
    every = reviews(400)
    sizes = {n: crag.compress("", every[:n]) for n in (16, 32, 64, 128, 400)}
    after = [result.tokens_after for result in sizes.values()]
    assert max(after) <= 1.2 * min(after)
    assert sizes[400].tokens_before > 20 * sizes[16].tokens_before
    assert 1 - sizes[128].kept >= 0.9


def test_the_adaptive_budget_is_a_number_of_sentences_of_mean_length() -> None:
    every = reviews(100)
    for sentences in (4, 12):
        result = CragCompressor(embedder=bag_of_words, sentences=sentences).compress("", every)
        size = sentences / 100 * result.tokens_before
        assert 0.8 * size <= result.tokens_after <= size + 4
    many = CragCompressor(embedder=bag_of_words, sentences=4, clusters=20).compress("", every)
    assert len(kept(many)) >= 19


def test_of_few_sentences_at_most_half_is_kept_but_never_nothing() -> None:
    assert crag.compress("", reviews(6)).kept <= 0.5
    one = crag.compress("", [Passage(text="Only this.")])
    assert kept(one) == ["Only this."]
    assert one.reason == "there are too few sentences to leave any out"


def test_every_cluster_says_something() -> None:
    texts = ["apple pear plum", "car bus train", "red green blue"]
    given_passages = [Passage(text=f"{texts[i % 3]} {i} x{i}.") for i in range(60)]
    result = CragCompressor(embedder=bag_of_words, same=1.0).compress("", given_passages)
    for words in texts:
        assert words in result.text


def test_a_question_moves_its_cluster_to_the_front() -> None:
    given_passages = [Passage(text=text) for text in OPINIONS for _ in range(2)] + reviews(40)
    for opinion in OPINIONS:
        assert kept(crag.compress(opinion, given_passages, Budget(max_tokens=7))) == [opinion]


def test_it_needs_no_question() -> None:
    assert not CragCompressor.needs_query
    assert crag.compress("   ", reviews(20)).text == crag.compress("", reviews(20)).text


@pytest.mark.parametrize("budget", [Budget(), Budget(ratio=0.3), Budget(max_tokens=60)])
def test_batches_and_eight_threads_give_what_single_calls_give(budget: Budget) -> None:
    jobs = [
        (f"What of the {s}?" if n % 2 else "", reviews(9 + n, seed=n)) for n, s in enumerate("abcdefghijkl")
    ]
    alone = [crag.compress(q, p, budget).text for q, p in jobs]
    batch = crag.compress_batch([q for q, _ in jobs], [p for _, p in jobs], budget)
    assert [result.text for result in batch] == alone
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda job: crag.compress(job[0], job[1], budget).text, jobs)) == alone


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "word",
        "  \n ",
        "🙂",
        "一",
        "これは文です。" * 300,
        "a" * 5000,
        "\ud800",
        "\x00",
        "e\u0301. e\u0301.",
    ],
)
@pytest.mark.parametrize("budget", [Budget(ratio=0.1), Budget(max_tokens=50), Budget()])
def test_odd_texts_are_answered(text: str, budget: Budget) -> None:
    given_passages = [Passage(text=text), Passage(text="")]
    check(crag.compress("", given_passages, budget), given_passages, budget)


def test_no_passages_are_no_error() -> None:
    result = crag.compress("", [])
    assert (result.text, result.reason) == ("", "no passages were given")
    assert crag.score("", []) == []


def test_a_protected_sentence_stays_besides_the_adaptive_budget() -> None:
    given_passages = [*reviews(50), Passage(text="Serial number QX-77-Z.")]
    without = crag.compress("", given_passages, Budget(max_tokens=40)).text
    assert "QX-77-Z" not in without
    assert "QX-77-Z" in crag.compress("", given_passages, protection=Protection(keep=["QX-77-Z"])).text


def test_a_risk_needs_a_calibration() -> None:
    with pytest.raises(CalibrationMissing):
        crag.compress("", reviews(4), Budget(risk=0.05))


@pytest.mark.parametrize(
    "options",
    [
        {"clusters": 0},
        {"clusters": True},
        {"most_clusters": 0},
        {"sentences": 1.5},
        {"same": 0},
        {"same": 1.1},
        {"query_weight": -0.1},
        {"query_weight": "high"},
        {"seed": -1},
        {"seed": 2**31},
    ],
)
def test_settings_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(options))):
        CragCompressor(**options)


def test_the_fingerprint_tells_what_scores_depend_on() -> None:
    options: list[dict[str, Any]] = [
        {},
        {"clusters": 3},
        {"most_clusters": 5},
        {"same": 0.9},
        {"query_weight": 0.1},
        {"seed": 1},
        {"model": "other"},
    ]
    assert len({CragCompressor(**some).fingerprint for some in options}) == len(options)
    assert CragCompressor(sentences=3).fingerprint == CragCompressor().fingerprint


def test_the_local_encoder_puts_like_opinions_together() -> None:
    said = {
        "battery": [
            "The battery lasts all day.",
            "Battery life is great.",
            "It runs for ages on one charge.",
        ],
        "screen": ["The display is too dim.", "I can hardly read the screen outside.", "The screen is dark."],
        "post": ["Delivery took three weeks.", "It arrived very late.", "The parcel was slow to come."],
    }
    given_passages = [Passage(text=text) for turn in zip(*said.values(), strict=True) for text in turn]
    local = CragCompressor(clusters=3)
    grouped = local.grouping.group(_task(given_passages))
    assert grouped.clusters.labels.tolist() == [0, 1, 2] * 3
    asked = local.compress("How long does the battery last?", given_passages, Budget(max_tokens=8))
    assert len(kept(asked)) == 1
    assert kept(asked)[0] in said["battery"]


def _task(given_passages: list[Passage]) -> Any:
    return CragCompressor()._tasks([""], [given_passages], None, None, None)[0]
