"""The extractive summariser: verbatim, within its limit, by maximal marginal relevance."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tersus.compressors import load_counter
from tersus.compressors.models.encoder import load_encoder
from tersus.compressors.segment import split
from tersus.compressors.summarise import ExtractiveSummariser, SummaryJob, load_summariser
from tersus.errors import InvalidInput

from tests.compressors.strategies import bag_of_words, texts

count = load_counter()
REVIEWS = [
    "The staff was very kind. The room was small. Breakfast is served until ten.",
    "Kind staff, and the room was really small! We came by train in the rain.",
    "The staff was very kind. The pool is closed on Mondays.",
]


def plain_order(sentences: list[str], query: str, diversity: float, duplicate: float) -> list[int]:
    """Maximal marginal relevance as its paper writes it, over pairs, with no vectorised step."""
    encode = load_encoder("minilm").encode
    vectors = [encode([s])[0].astype(np.float64) for s in sentences]
    centre = sum(vectors) / np.linalg.norm(sum(vectors))
    relevance = [float(v @ centre) for v in vectors]
    if query:
        asked = encode([query])[0].astype(np.float64)
        relevance = [(r + float(v @ asked)) / 2 for r, v in zip(relevance, vectors, strict=True)]
    left, order = list(range(len(sentences))), list[int]()
    while left:

        def worth(i: int) -> float:
            nearest = max([0.0, *(float(vectors[i] @ vectors[j]) for j in order)])
            return round((1 - diversity) * relevance[i] - diversity * nearest, 5)

        best = max(left, key=worth)
        order.append(best)
        left = [i for i in left if i != best and float(vectors[i] @ vectors[best]) < duplicate]
    return order


@pytest.mark.parametrize("query", ["", "Is the pool open?"])
@pytest.mark.parametrize("diversity", [0.0, 0.3, 0.8])
def test_the_order_is_that_of_a_plain_computation(query: str, diversity: float) -> None:
    job = SummaryJob(REVIEWS, query)
    [ranked] = ExtractiveSummariser(diversity=diversity).rank([job])
    sentences = [t[s.start : s.end] for t in REVIEWS for s in split(t)]
    expected = plain_order(sentences, query, diversity, 0.95)
    assert [REVIEWS[r.source][r.start : r.end] for r in ranked] == [sentences[i] for i in expected]


def test_a_sentence_that_repeats_another_is_left_out_and_both_are_named() -> None:
    [summary] = ExtractiveSummariser().summarise([SummaryJob(REVIEWS, max_tokens=100)])
    said = [s for s in summary.sentences if s.text == "The staff was very kind."]
    assert [s.sources for s in said] == [(0, 2)]


def test_without_a_limit_about_a_third_is_kept_and_at_least_one_sentence() -> None:
    long = " ".join(f"Sentence number {i} tells of topic {i * 7}." for i in range(40))
    short = "Only this one sentence."
    found = ExtractiveSummariser(bag_of_words).summarise([SummaryJob([long]), SummaryJob([short])])
    assert 0.25 < count(found[0].text) / count(long) <= 0.36
    assert found[1].text == short


def test_headings_are_left_out_where_there_is_text() -> None:
    summariser = ExtractiveSummariser(bag_of_words)
    [with_text, alone] = summariser.summarise(
        [SummaryJob(["# Rooms\n\nThey are small."]), SummaryJob(["# Rooms"])]
    )
    assert (with_text.text, alone.text) == ("They are small.", "# Rooms")


@given(st.lists(texts, max_size=4), st.integers(1, 60), st.sampled_from(["", "Who wrote Dune?"]))
def test_summaries_are_verbatim_within_their_limit_and_in_order(
    given_texts: list[str], limit: int, query: str
) -> None:
    [summary] = ExtractiveSummariser(bag_of_words).summarise([SummaryJob(given_texts, query, limit)])
    assert count(summary.text) <= limit
    assert summary.fallback is None
    for sentence in summary.sentences:
        assert sentence.sources
        assert all(sentence.text in given_texts[i] for i in sentence.sources)


def test_a_batch_gives_what_single_calls_give_from_eight_threads_at_once() -> None:
    summariser = ExtractiveSummariser()
    jobs = [SummaryJob(REVIEWS[: 1 + i % 3], "" if i % 2 else "breakfast", 20 + i) for i in range(16)]
    batch = summariser.summarise(jobs)
    with ThreadPoolExecutor(8) as pool:
        assert [s[0] for s in pool.map(lambda job: summariser.summarise([job]), jobs)] == batch


def test_nothing_gives_nothing() -> None:
    summariser = ExtractiveSummariser(bag_of_words)
    assert summariser.summarise([]) == []
    assert [s.sentences for s in summariser.summarise([SummaryJob([]), SummaryJob(["", " \n"])])] == [(), ()]


def test_wrong_settings_and_jobs_are_refused() -> None:
    with pytest.raises(InvalidInput):
        ExtractiveSummariser(diversity=2)
    with pytest.raises(InvalidInput):
        SummaryJob("one text")
    with pytest.raises(InvalidInput):
        SummaryJob(["x"], max_tokens=0)


def test_summarisers_come_by_name() -> None:
    assert load_summariser().name == "extractive"
    assert load_summariser("local").name == "smollm2"
    assert load_summariser("seq2seq:some/model").name == "some/model"
    own = ExtractiveSummariser(bag_of_words)
    assert load_summariser(own) is own
    for wrong in ("abstractive", "seq2seq", "seq2seq: ", ""):
        with pytest.raises(InvalidInput, match="no summariser"):
            load_summariser(wrong)
    with pytest.raises(InvalidInput, match="GenerativeSummariser"):
        load_summariser(7)  # type: ignore[arg-type]


def test_the_fingerprint_names_model_and_settings() -> None:
    fingerprints = {
        ExtractiveSummariser().fingerprint,
        ExtractiveSummariser(diversity=0.5).fingerprint,
        ExtractiveSummariser(bag_of_words).fingerprint,
    }
    assert len(fingerprints) == 3
