"""``crag-summary``: sources, budgets, and what the summariser is asked."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tersus.compressors import Budget, CalibrationMissing, Compression, Passage, Protection, render_context
from tersus.compressors.crag import CragSummaryCompressor
from tersus.compressors.summarise.types import Summary, SummaryJob, SummarySentence
from tersus.errors import InvalidInput

from ..strategies import bag_of_words, budgets, passages
from .test_compressor import OPINIONS, reviews

extractive = CragSummaryCompressor(embedder=bag_of_words)


class Writer:
    """Writes, of every job, how many texts it was given, and names the first and the last as sources."""

    name = "writer"
    fingerprint = "writer:1"

    def __init__(self, fallback: str | None = None) -> None:
        self.asked: list[SummaryJob] = []
        self.calls = 0
        self.fallback = fallback

    def summarise(self, jobs: Sequence[SummaryJob]) -> list[Summary]:
        self.calls += 1
        self.asked += jobs
        return [
            Summary(
                (
                    SummarySentence(
                        f"{_second_word(job.texts[0])} told by {len(job.texts)}.", (0, len(job.texts) - 1)
                    ),
                ),
                9,
                self.fallback,
            )
            for job in jobs
        ]


def _second_word(text: str) -> str:
    return [*text.split(), "", ""][1]


def written(summariser: Any = None, **options: Any) -> CragSummaryCompressor:
    return CragSummaryCompressor(embedder=bag_of_words, summariser=summariser or Writer(), **options)


def check(result: Compression, given_passages: list[Passage], budget: Budget) -> None:
    assert [p.source for p in result.passages] == given_passages
    for number, passage in enumerate(result.passages):
        if passage.kept is None:
            assert passage.sentences
            assert all(number == min(s.passages) for s in passage.sentences)
            assert passage.text == " ".join(s.text for s in passage.sentences)
    assert result.text == render_context(result.passages)
    if budget.max_tokens is not None:
        assert result.tokens_after <= budget.max_tokens
    if budget.ratio is not None and abs(result.kept - budget.ratio) > 0.02:
        assert result.reason
    if not result.text:
        assert result.reason


@settings(max_examples=80)
@given(query=st.sampled_from(["", "Who wrote Dune?"]), given_passages=passages, budget=budgets)
def test_the_contract_holds(query: str, given_passages: list[Passage], budget: Budget) -> None:
    check(extractive.compress(query, given_passages, budget), given_passages, budget)
    check(written().compress(query, given_passages, budget), given_passages, budget)


def test_sentences_name_their_sources_and_stand_in_the_place_of_the_first() -> None:
    given_passages = [Passage(text=OPINIONS[i % 3], title=f"T{i}") for i in range(30)]
    result = extractive.compress("", given_passages)
    for number, passage in enumerate(result.passages[:3]):
        assert passage.kept is None
        assert [s.text for s in passage.sentences] == [OPINIONS[number]]
        assert passage.sentences[0].passages == tuple(range(number, 30, 3))
    assert all(passage.kept == [] and not passage.text for passage in result.passages[3:])


def test_what_a_language_model_writes_is_sent_with_the_passages_of_its_sources() -> None:
    words = ["apple pear plum", "car bus train"]
    given_passages = [Passage(text=f"The {words[i % 2]} x{i}.") for i in range(24)]
    summariser = Writer()
    result = written(summariser, clusters=2).compress("", given_passages)
    assert [s.text for p in result.passages for s in p.sentences] == ["apple told by 12.", "car told by 12."]
    assert result.passages[0].sentences[0].passages == (0, 22)
    assert result.passages[1].sentences[0].passages == (1, 23)
    assert summariser.calls == 1
    assert {job.texts for job in summariser.asked} == {
        tuple(p.text for p in given_passages[half::2]) for half in range(2)
    }
    assert result.reason is None


def test_the_summariser_gets_a_part_of_the_budget_and_no_more_sentences_than_it_is_to_read() -> None:
    summariser = Writer()
    written(summariser, read=5).compress("What of it?", reviews(80), Budget(max_tokens=100))
    assert all(len(job.texts) <= 5 and job.query == "What of it?" for job in summariser.asked)
    assert sum(job.max_tokens or 0 for job in summariser.asked) <= 100


def test_where_there_is_no_room_for_all_clusters_the_weightiest_are_told() -> None:
    summariser = Writer()
    written(summariser, clusters=6).compress("", reviews(80), Budget(max_tokens=40))
    assert len(summariser.asked) == 2


def test_repetitions_are_given_to_the_summariser_once() -> None:
    summariser = Writer()
    written(summariser).compress("", [Passage(text=OPINIONS[i % 3]) for i in range(60)])
    assert sorted(text for job in summariser.asked for text in job.texts) == sorted(OPINIONS)


def test_a_batch_is_one_call_of_the_summariser_and_gives_what_single_calls_give() -> None:
    jobs = [("", reviews(12 + n, seed=n)) for n in range(6)]
    summariser = Writer()
    batch = written(summariser).compress_batch([q for q, _ in jobs], [p for _, p in jobs])
    assert summariser.calls == 1
    assert [r.text for r in batch] == [written().compress(q, p).text for q, p in jobs]


@pytest.mark.parametrize("budget", [Budget(), Budget(ratio=0.3), Budget(max_tokens=60)])
def test_eight_threads_give_what_one_gives(budget: Budget) -> None:
    jobs = [reviews(9 + n, seed=n) for n in range(12)]
    alone = [extractive.compress("", p, budget).text for p in jobs]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda p: extractive.compress("", p, budget).text, jobs)) == alone


def test_the_context_does_not_grow_with_the_passages() -> None:
    every = reviews(400)
    small, large = (extractive.compress("", every[:n]) for n in (16, 400))
    assert large.tokens_before > 20 * small.tokens_before
    assert large.tokens_after <= 1.2 * small.tokens_before / 2


def test_a_fallback_is_told() -> None:
    result = written(Writer("a number stands in no source")).compress("", reviews(20))
    assert "summaries are extractive: a number stands in no source" in str(result.reason)


def test_a_source_that_is_not_named_means_all_that_were_read() -> None:
    class Silent(Writer):
        def summarise(self, jobs: Sequence[SummaryJob]) -> list[Summary]:
            return [Summary((SummarySentence("All of it.", ()),)) for _ in jobs]

    result = written(Silent(), clusters=1).compress("", reviews(5), Budget(max_tokens=20))
    assert result.passages[0].sentences[0].passages == (0, 1, 2, 3, 4)


def test_summaries_longer_than_their_share_do_not_break_the_budget() -> None:
    class Endless(Writer):
        def summarise(self, jobs: Sequence[SummaryJob]) -> list[Summary]:
            sentences = tuple(SummarySentence(f"Very long it is, number {i}.", (0,)) for i in range(50))
            return [Summary(sentences) for _ in jobs]

    result = written(Endless()).compress("", reviews(60), Budget(max_tokens=70))
    assert 40 <= result.tokens_after <= 70


def test_protected_text_is_sent_as_it_stands_and_before_summaries() -> None:
    given_passages = [*reviews(50), Passage(text="Call us. The serial number is QX-77-Z. Thanks.")]
    keep = Protection(keep=["QX-77-Z"])
    for budget in (Budget(), Budget(max_tokens=30), Budget(ratio=0.05)):
        result = extractive.compress("", given_passages, budget, protection=keep)
        assert "The serial number is QX-77-Z." in [s.text for s in result.passages[50].sentences]
    small = extractive.compress("", given_passages, Budget(max_tokens=3), protection=keep)
    assert "1 of 1 matches of keep patterns were lost" in str(small.reason)


def test_a_single_sentence_is_not_lost_to_a_share() -> None:
    for budget in (Budget(), Budget(ratio=0.2)):
        result = extractive.compress("", [Passage(text="Only this is said.")], budget)
        assert result.text == "Only this is said."
        assert result.reason
    assert extractive.compress("", [Passage(text="Only this.")], Budget(max_tokens=2)).text == ""


def test_what_fits_is_sent_whole() -> None:
    given_passages = reviews(4)
    for budget in (Budget(ratio=1), Budget(max_tokens=10_000)):
        result = extractive.compress("", given_passages, budget)
        assert result.tokens_after == result.tokens_before
        assert result.reason


def test_a_risk_is_refused() -> None:
    with pytest.raises(CalibrationMissing, match="crag-summary"):
        extractive.compress("", reviews(4), Budget(risk=0.05))


@pytest.mark.parametrize(
    "text", ["", "x", " \n", "🙂", "一", "これは文です。" * 300, "a" * 5000, "\ud800", "\x00"]
)
@pytest.mark.parametrize("budget", [Budget(ratio=0.1), Budget(max_tokens=50), Budget()])
def test_odd_texts_are_answered(text: str, budget: Budget) -> None:
    given_passages = [Passage(text=text), Passage(text="")]
    check(extractive.compress("", given_passages, budget), given_passages, budget)


def test_no_passages_are_no_error() -> None:
    assert extractive.compress("", []).reason == "no passages were given"


@pytest.mark.parametrize("options", [{"read": 0}, {"read": True}, {"summariser": "nobody"}, {"clusters": -1}])
def test_settings_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        CragSummaryCompressor(**options)


def test_the_fingerprint_names_the_summariser() -> None:
    assert written().fingerprint.endswith(":read=32:writer:1")
    assert written(read=4).fingerprint != written().fingerprint
