"""``frugal``: exact shares of the similarity, whole words, the paper's top k percent."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from tersus.compressors import Budget, Passage, load_counter
from tersus.compressors.frugal import FrugalCompressor
from tersus.compressors.frugal.scores import pool_weights, token_scores
from tersus.compressors.frugal.trace import trace
from tersus.compressors.frugal.windows import Window, windows_of
from tersus.compressors.models.encoder import load_encoder
from tersus.errors import InvalidInput

QUERY = "Who wrote Dune?"
PASSAGES = [
    Passage(
        text="Frank Herbert wrote Dune in 1965 for an advance of $7,500. He was born in Tacoma. Rain fell.",
        title="Dune (novel)",
    ),
    Passage(text="Cats purr when they are content. Dogs bark at night and sleep by day."),
    Passage(text=""),
]
SCORERS = ("query", "decompx", "globenc", "pagerank")
ODD = [
    Passage(text="\ud800 lone 👩‍👩‍👧 e\u0301te\u0301 中文没有空格。第二句话在这里。"),
    Passage(text="\u200b"),
    Passage(text="word"),
    Passage(text="   "),
]


def make(**options: Any) -> FrugalCompressor:
    return FrugalCompressor(**options)


def words(text: str) -> list[str]:
    return text.split()


def test_the_shares_of_all_tokens_and_the_biases_sum_to_the_cosine() -> None:
    minilm = load_encoder("minilm")
    window = windows_of(minilm, PASSAGES[:1], 256)[0]
    done = trace(minilm.model, [window.ids])
    pooled = done.output[0].mean(0)
    both = minilm.encode(["Dune (novel): " + PASSAGES[0].text, QUERY]).astype(np.float64)
    direction = torch.from_numpy(both[1]).float()
    assert float(pooled @ direction / pooled.norm()) == pytest.approx(float(both[0] @ both[1]), abs=1e-5)

    # Independent of the pass back: what autograd says where the coefficients are held fast.
    shares = torch.zeros(len(window.ids))
    from tersus.compressors.frugal.decompx import decompose

    parts = decompose(done, "apart").mean(0)
    shares = parts[:-1] @ direction / pooled.norm()
    found = token_scores(minilm, [window], [QUERY], "query")[0]
    inside = shares[window.first : window.first + len(window.offsets)].numpy() * len(window.ids)
    assert np.abs(found - inside).max() < 1e-3
    assert float(parts.sum(0) @ direction / pooled.norm()) == pytest.approx(
        float(both[0] @ both[1]), abs=1e-4
    )


def test_windows_hold_every_token_once_and_end_with_segments() -> None:
    text = " ".join(f"Sentence number {i} says little of anything." for i in range(60))
    minilm = load_encoder("minilm")
    found = windows_of(minilm, [Passage(text=text, title="T")], 64)
    assert len(found) > 3
    assert all(len(window.ids) <= 64 for window in found)
    offsets = [place for window in found for place in window.offsets]
    assert offsets == minilm.tokens(text)[1]
    for before, _ in pairwise(found):
        assert text[before.offsets[-1][0] : before.offsets[-1][1]] == "."


def test_the_sentence_that_answers_is_kept() -> None:
    result = make().compress(QUERY, PASSAGES, Budget(ratio=0.6))
    assert "Frank Herbert wrote Dune in 1965" in result.text
    assert "Cats" not in result.text


@pytest.mark.parametrize("scorer", SCORERS)
def test_words_and_amounts_stay_whole(scorer: str) -> None:
    for ratio in (0.2, 0.5, 0.8):
        result = make(scorer=scorer, granularity="word").compress(QUERY, PASSAGES, Budget(ratio=ratio))
        for passage in result.passages:
            whole = [word.strip(".") for word in words(passage.source.text)]
            for word in words(passage.text):
                assert word.strip(".") in whole or word == "."


@pytest.mark.parametrize("scorer", SCORERS[1:])
def test_without_a_query_scorer_nothing_is_asked(scorer: str) -> None:
    compressor = make(scorer=scorer, granularity="word", scope="sentence")
    assert not compressor.needs_query
    assert (
        compressor.compress("", PASSAGES, Budget(ratio=0.5)).text
        == compressor.compress(QUERY, PASSAGES, Budget(ratio=0.5)).text
    )


def test_each_sentence_keeps_its_own_top_share_in_order() -> None:
    text = (
        "The committee met on Tuesday morning and discussed the annual budget of the school at length. "
        "Nobody knows whether the old bridge across the river will be repaired before the winter comes."
    )
    compressor = make(scorer="globenc", granularity="word", scope="sentence", threshold=0.5)
    kept = compressor.compress("", [Passage(text=text)], Budget(adaptive=True)).passages[0].kept
    assert kept
    middle = text.index("Nobody")
    for start, end in ((0, middle), (middle, len(text))):
        share = sum(s.end - s.start for s in kept if start <= s.start < end) / (end - start)
        assert 0.35 < share < 0.65


def test_a_batch_gives_what_one_by_one_gives() -> None:
    queries = [QUERY, "What do dogs do?", "Where was he born?"]
    lists: Sequence[Sequence[Passage]] = [PASSAGES, PASSAGES[1:], [PASSAGES[0], *ODD]]
    for scorer in SCORERS:
        compressor = make(scorer=scorer)
        together = compressor.score_batch(queries, lists)
        for query, given, found in zip(queries, lists, together, strict=True):
            alone = compressor.score(query, given)
            for a, b in zip(found, alone, strict=True):
                assert [(s.start, s.end) for s in a] == [(s.start, s.end) for s in b]
                assert [s.score for s in a] == pytest.approx([s.score for s in b], abs=1e-3)


@pytest.mark.parametrize("granularity", ["word", "sentence"])
@pytest.mark.parametrize("scorer", SCORERS)
def test_odd_and_long_text_is_read_and_the_budget_holds(scorer: str, granularity: str) -> None:
    long = Passage(
        text="The quick brown fox jumps over the lazy dog near the river bank. " * 60, title="x" * 500
    )
    count = load_counter()
    compressor = make(scorer=scorer, granularity=granularity)
    for most in (1, 5, 60):
        result = compressor.compress(QUERY, [*ODD, long], Budget(max_tokens=most))
        assert count(result.text) == result.tokens_after <= most
    assert compressor.compress(QUERY, [], Budget(ratio=0.5)).text == ""


def test_eight_threads_get_what_one_gets() -> None:
    compressor = make(granularity="word")
    expected = compressor.compress(QUERY, PASSAGES, Budget(ratio=0.5)).text
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(compressor.compress, QUERY, PASSAGES, Budget(ratio=0.5)) for _ in range(16)]
    assert {job.result().text for job in jobs} == {expected}


def test_the_fingerprint_names_what_changes_a_score() -> None:
    several = [
        make(),
        make(granularity="word"),
        make(scorer="globenc"),
        make(scope="passage"),
        make(window=64),
    ]
    assert len({one.fingerprint for one in several}) == len(several)


@pytest.mark.parametrize(
    "options",
    [
        {"scorer": "magic"},
        {"granularity": "token"},
        {"scope": "book"},
        {"scope": "sentence"},
        {"window": 2},
    ],
)
def test_settings_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        make(**options)


def test_weights_of_a_pooling_sum_to_one() -> None:
    mask = torch.tensor([[1.0, 1.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    assert torch.allclose(pool_weights(mask, "mean")[0], torch.tensor([1 / 3, 1 / 3, 1 / 3, 0.0]))
    assert pool_weights(mask, "cls").tolist() == [[1, 0, 0, 0], [1, 0, 0, 0]]
    assert pool_weights(mask, "lasttoken").tolist() == [[0, 0, 1, 0], [1, 0, 0, 0]]
    with pytest.raises(InvalidInput):
        pool_weights(mask, "max")


def test_a_window_names_its_passage() -> None:
    found = windows_of(load_encoder("minilm"), PASSAGES, 256)
    assert [window.passage for window in found] == [0, 1]
    assert all(isinstance(window, Window) for window in found)
