"""Passages become summaries: spans where they are verbatim, new text with sources where they are not."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from tersus.compressors import Budget, CalibrationMissing, Passage, Protection, load_counter
from tersus.compressors.segment import split
from tersus.compressors.summarise import (
    ExtractiveSummariser,
    GenerativeSummariser,
    SummariserFailed,
    Summary,
    SummaryJob,
    SummarySentence,
)
from tersus.compressors.tcra import TcraSummaryCompressor
from tersus.errors import InvalidInput

from tests.compressors.exit_llm import tiny
from tests.compressors.strategies import bag_of_words, budgets, passages, protections
from tests.compressors.summarise.tiny_seq2seq import folder

count = load_counter()
HOTEL = Passage(
    "The hotel Astoria has 120 rooms and a pool. Its staff is kind to all guests who come by. "
    "Breakfast costs 15 dollars and is served until ten. The pool was closed in March. Guests like the view.",
    title="Astoria",
)
DUNE = Passage(
    "Frank Herbert wrote Dune in 1965. It sold twelve million copies. He was born in Tacoma. "
    "The novel was turned into films. Rain fell all day."
)


class Says:
    """A summariser that says the same of every text."""

    name = fingerprint = "says"

    def __init__(self, *sentences: str, fallback: str | None = None) -> None:
        self.sentences, self.fallback = sentences, fallback
        self.jobs: list[SummaryJob] = []

    def summarise(self, jobs: Sequence[SummaryJob]) -> list[Summary]:
        self.jobs += jobs
        return [
            Summary(tuple(SummarySentence(s, (0,)) for s in self.sentences), 9, self.fallback) for _ in jobs
        ]


def plain() -> TcraSummaryCompressor:
    return TcraSummaryCompressor(ExtractiveSummariser(bag_of_words))


def test_by_default_each_passage_keeps_its_most_central_sentences_verbatim() -> None:
    result = TcraSummaryCompressor().compress("", [HOTEL, DUNE])
    [orders] = [ExtractiveSummariser().rank([SummaryJob([p.text]) for p in (HOTEL, DUNE)])]
    for passage, order in zip(result.passages, orders, strict=True):
        kept = passage.kept or []
        assert 0 < len(kept) < 4
        best = {(s.start, s.end) for s in order[: len(kept)]}
        assert {(s.start, s.end) for s in kept} == best
        assert 0.15 < count(passage.text) / count(passage.source.text) < 0.55


def test_a_written_summary_takes_the_place_of_its_passage_with_its_source() -> None:
    writer = Says("A kind hotel with a pool.")
    result = TcraSummaryCompressor(writer).compress(
        "Is it kind?", [Passage(""), HOTEL, DUNE], Budget(ratio=0.5)
    )
    assert result.text == "Astoria\nA kind hotel with a pool.\n\nA kind hotel with a pool."
    empty, hotel, dune = result.passages
    assert (empty.kept, hotel.kept, dune.kept) == ([], None, None)
    assert [s.passages for p in (hotel, dune) for s in p.sentences] == [(1,), (2,)]
    assert [(job.query, job.texts) for job in writer.jobs] == [
        ("Is it kind?", (HOTEL.text,)), ("Is it kind?", (DUNE.text,)),
    ]  # fmt: skip
    assert "shorter than ratio=0.5" in str(result.reason)


def test_each_passage_is_given_its_share_of_the_budget() -> None:
    writer = Says("Kind.")
    draft = plain().compress("", [HOTEL, DUNE], Budget(max_tokens=60))
    TcraSummaryCompressor(writer).compress("", [HOTEL, DUNE], Budget(max_tokens=60))
    limits = [job.max_tokens for job in writer.jobs]
    assert 40 < sum(limit or 0 for limit in limits) <= 60
    assert draft.tokens_after <= 60


def test_a_verbatim_summary_becomes_spans() -> None:
    writer = Says("The hotel Astoria has 120 rooms and a pool.", "Guests like the view.")
    [passage] = TcraSummaryCompressor(writer).compress("", [HOTEL], Budget(ratio=0.6)).passages
    assert [HOTEL.text[s.start : s.end] for s in passage.kept or []] == list(writer.sentences)
    other_order = Says(*reversed(writer.sentences))
    [passage] = TcraSummaryCompressor(other_order).compress("", [HOTEL], Budget(ratio=0.6)).passages
    assert passage.kept is None


def test_where_a_summary_was_not_to_be_had_the_extract_stays_and_the_reason_says_so() -> None:
    writer = Says("Breakfast is free.", fallback="not in the sources: x")
    extract = TcraSummaryCompressor().compress("", [HOTEL, DUNE], Budget(ratio=0.5))
    result = TcraSummaryCompressor(writer).compress("", [HOTEL, DUNE], Budget(ratio=0.5))
    assert result.text == extract.text
    assert result.reason == "2 of 2 summaries are extractive, first because: not in the sources: x"


def test_a_summary_that_is_too_long_or_loses_what_is_protected_is_not_taken() -> None:
    long = TcraSummaryCompressor(Says("so kind " * 300)).compress("", [HOTEL], Budget(max_tokens=40))
    assert long.tokens_after <= 40
    assert "did not fit" in str(long.reason)
    keep = Protection(keep=[r"\d+ dollars"])
    guarded = TcraSummaryCompressor(Says("A kind hotel.")).compress("", [HOTEL, DUNE], protection=keep)
    assert "15 dollars" in guarded.passages[0].text
    assert guarded.passages[1].text == "A kind hotel."


def test_a_dead_language_model_is_an_error_and_never_a_silent_loss() -> None:
    def complete(prompt: str) -> None:
        raise TimeoutError("no answer")

    with pytest.raises(SummariserFailed, match="TimeoutError: no answer"):
        TcraSummaryCompressor(GenerativeSummariser(SimpleNamespace(complete=complete))).compress("", [HOTEL])


def test_what_fits_is_sent_whole_and_no_model_is_asked() -> None:
    writer = Says("Kind.")
    for budget in (Budget(ratio=1), Budget(max_tokens=1000)):
        result = TcraSummaryCompressor(writer).compress("", [HOTEL], budget)
        assert result.passages[0].text == HOTEL.text
        assert result.reason
    assert TcraSummaryCompressor(writer).compress("", []).text == ""
    assert writer.jobs == []


@pytest.mark.parametrize(
    "name", [f"seq2seq:{folder('t5')}", f"local:{tiny.folder()}"], ids=["seq2seq", "local"]
)
def test_a_random_model_by_name_gives_the_extract_and_says_so(name: str) -> None:
    result = TcraSummaryCompressor(name).compress("", [HOTEL, DUNE], Budget(ratio=0.4))
    assert result.text == TcraSummaryCompressor().compress("", [HOTEL, DUNE], Budget(ratio=0.4)).text
    assert "2 of 2 summaries are extractive" in str(result.reason)


@settings(max_examples=40)
@given(passages, budgets, protections)
def test_any_text_budget_and_protection_is_answered(
    given_passages: list[Passage], budget: Budget, protection: Protection
) -> None:
    for compressor in (plain(), TcraSummaryCompressor(Says("Short. 🙂", "\ud800"), model="minilm")):
        if compressor._writer:
            compressor._ranker = plain()._ranker
        result = compressor.compress("", given_passages, budget, protection=protection)
        assert result.tokens_after == count(result.text)
        assert budget.max_tokens is None or result.tokens_after <= budget.max_tokens
        assert result.text or result.reason
        if budget.adaptive:
            assert protection.loss(result.passages) is None


def test_everything_kept_by_default_is_a_sentence_and_the_ratio_is_met() -> None:
    many = [Passage(f"Passage {i} is about topic {i % 17}. It ends here. Nobody knows.") for i in range(100)]
    for ratio in (0.1, 0.4, 0.7):
        result = plain().compress("", many, Budget(ratio=ratio))
        assert abs(result.kept - ratio) <= 0.02
        for passage in result.passages:
            units = {(s.start, s.end) for s in split(passage.source.text)}
            assert {(s.start, s.end) for s in passage.kept or []} <= units


def test_a_batch_gives_what_single_calls_give_from_eight_threads_at_once() -> None:
    compressor = TcraSummaryCompressor()
    given_passages = [[HOTEL, DUNE, Passage(f"Cat {i} purrs. It sleeps.")][: 1 + i % 3] for i in range(8)]
    batch = compressor.compress_batch([""] * 8, given_passages, Budget(ratio=0.5))
    with ThreadPoolExecutor(8) as pool:
        alone = list(pool.map(lambda p: compressor.compress("", p, Budget(ratio=0.5)).text, given_passages))
    assert alone == [result.text for result in batch]


def test_settings_out_of_range_are_refused() -> None:
    for share in (0, 1.5):
        with pytest.raises(InvalidInput, match="share"):
            TcraSummaryCompressor(share=share)
    with pytest.raises(InvalidInput, match="no summariser"):
        TcraSummaryCompressor("abstractive")
    with pytest.raises(CalibrationMissing):
        TcraSummaryCompressor().compress("", [HOTEL], Budget(risk=0.05))


def test_the_fingerprint_names_summariser_and_model() -> None:
    made = [TcraSummaryCompressor(), plain(), TcraSummaryCompressor(Says("x"))]
    assert len({one.fingerprint for one in made}) == len(made)
