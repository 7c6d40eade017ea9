"""A batched compressor: the same results and errors as the one it stands for, whoever else asks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tersus.compressors import (
    Budget,
    Calibration,
    CalibrationMissing,
    Compressor,
    ExtractiveCompressor,
    Passage,
    Protection,
    load_compressor,
    load_counter,
    render_context,
)
from tersus.compressors.tokens import remembering
from tersus.errors import InvalidInput
from tersus.rag.batching import BatchedCompressor, BatchLimits, CompressionCache, Overloaded
from tersus.rag.failopen import compress_or_original
from tersus.rag.risk import resolve_budget
from tersus.rag.settings import Settings

from tests.rag.batching.crowd import Crowd, Slices, until
from tests.rag.fakes import FirstSentence

PASSAGES = [
    Passage(text="Tides follow the moon. It is far away.", title="Tides"),
    Passage(text="Iron rusts."),
]
TEXTS = ["The moon pulls the sea. Salt is in it.", "Bread rises by yeast. Ovens are hot.", "Zinc is grey."]


def test_it_passes_for_what_it_wraps() -> None:
    exit_ = load_compressor("exit")
    batched = BatchedCompressor(exit_)
    assert isinstance(batched, Compressor)
    assert isinstance(exit_, ExtractiveCompressor)
    assert isinstance(batched, ExtractiveCompressor)
    for name in ("name", "kind", "summary", "model", "paper", "speed", "needs_query", "hops"):
        assert getattr(batched, name) == getattr(exit_, name), name
    assert (batched.fingerprint, batched.threshold) == (exit_.fingerprint, exit_.threshold)
    assert batched.joined == exit_.joined
    assert batched.shipped_calibrations == exit_.shipped_calibrations
    assert not batched.accepts("")
    with pytest.raises(AttributeError):
        _ = batched.colour
    assert not isinstance(BatchedCompressor(Slices()), ExtractiveCompressor)
    assert BatchedCompressor(load_compressor("none+none")).name == "none+none"


def test_a_risk_is_resolved_by_the_calibrations_of_what_it_wraps(tmp_path: Any) -> None:
    settings = Settings(home=tmp_path)
    exit_ = load_compressor("exit")
    budget = resolve_budget(Budget(risk=0.1), BatchedCompressor(exit_), settings).budget
    assert budget == resolve_budget(Budget(risk=0.1), exit_, settings).budget
    assert isinstance(budget.risk, Calibration)


def test_calls_together_are_one_batch_and_each_gets_its_own(crowd: Crowd) -> None:
    inner = Slices(closed=True)
    batched = BatchedCompressor(inner)
    crowd.call(batched.compress, "held", PASSAGES)
    assert inner.gate.entered.wait(10)
    found = []
    for number, text in enumerate(TEXTS, 1):
        found.append(crowd.call(batched.compress, str(number), [Passage(text=text)]))
        until(lambda: batched.stats.queue == len(found))
    other = crowd.call(batched.compress, "4", PASSAGES, Budget(ratio=0.3))
    more = crowd.call(batched.compress_batch, ["5", "6"], [PASSAGES, PASSAGES[:1]])
    until(lambda: batched.stats.queue == 5)
    inner.gate.open.set()
    plain = Slices()
    for number, (one, text) in enumerate(zip(found, TEXTS, strict=True), 1):
        expected = plain.compress(str(number), [Passage(text=text)])
        assert replace(one.result(10), seconds=0) == replace(expected, seconds=0)
    assert [result.reason for result in more.result(10)] == ["half for 5", "half for 6"]
    assert other.result(10).reason == "half for 4"
    assert inner.batches == [["held"], ["1", "2", "3", "5", "6"], ["4"]]


@pytest.mark.parametrize(
    ("options", "merged"),
    [
        ({}, True),
        ({"budget": Budget(), "protection": Protection(), "counter": load_counter()}, True),
        ({"renderer": render_context}, True),
        ({"budget": Budget(ratio=0.5)}, False),
        ({"protection": Protection(keep=["moon"])}, False),
        ({"counter": load_counter("o200k")}, False),
        ({"renderer": lambda passages: render_context(passages)}, False),
    ],
)
def test_only_calls_with_equal_options_are_merged(
    options: dict[str, Any], merged: bool, crowd: Crowd
) -> None:
    inner = Slices(closed=True)
    batched = BatchedCompressor(inner, BatchLimits(wait=0))
    crowd.call(batched.compress, "held", PASSAGES)
    assert inner.gate.entered.wait(10)
    crowd.call(batched.compress, "1", PASSAGES)
    until(lambda: batched.stats.queue == 1)
    crowd.call(batched.compress, "2", PASSAGES, **options)
    until(lambda: batched.stats.queue == 2)
    inner.gate.open.set()
    crowd.close()
    assert inner.batches[1:] == ([["1", "2"]] if merged else [["1"], ["2"]])


def test_a_failing_call_does_not_fail_those_beside_it(crowd: Crowd) -> None:
    inner = Slices(closed=True)
    inner.gate.errors = {"bad": KeyError("mine")}
    batched = BatchedCompressor(inner)
    crowd.call(batched.compress, "held", PASSAGES)
    assert inner.gate.entered.wait(10)
    found = [crowd.call(batched.compress, query, PASSAGES) for query in ("good", "bad", "better")]
    until(lambda: batched.stats.queue == 3)
    inner.gate.open.set()
    assert [found[n].result(10).reason for n in (0, 2)] == ["half for good", "half for better"]
    with pytest.raises(KeyError, match="mine"):
        found[1].result(10)


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.compress(7, PASSAGES),
        lambda c: c.compress("", PASSAGES),
        lambda c: c.compress("Why?", "text"),
        lambda c: c.compress("Why?", ["text"]),
        lambda c: c.compress("Why?", None),
        lambda c: c.compress_batch("Why?", [PASSAGES]),
        lambda c: c.compress_batch(["Why?"], []),
        lambda c: c.compress_batch(["Why?", ""], [PASSAGES, PASSAGES]),
        lambda c: c.compress_batch(["Why?"], [["text"]]),
        lambda c: c.compress("Why?", PASSAGES, Budget(risk=0.1)),
    ],
)
def test_errors_are_those_of_what_it_wraps(call: Any) -> None:
    plain = load_compressor("similarity")
    with pytest.raises((InvalidInput, CalibrationMissing, TypeError)) as expected:
        call(plain)
    with pytest.raises(expected.type) as got:
        call(BatchedCompressor(plain))
    assert str(got.value) == str(expected.value)


def fail_open(compressor: Compressor, query: str = "Why?", timeout: float = 10) -> Any:
    return compress_or_original(
        compressor,
        query,
        PASSAGES,
        Budget(),
        counter=load_counter(),
        renderer=render_context,
        timeout=timeout,
    )


def test_in_the_pipeline_a_full_queue_is_the_callers_to_hear_and_time_limits_free_their_places(
    crowd: Crowd,
) -> None:
    inner = Slices(closed=True)
    batched = BatchedCompressor(inner, BatchLimits(queue=1))
    first = crowd.call(fail_open, batched, "held")
    assert inner.gate.entered.wait(10)
    late = crowd.call(fail_open, batched, "late", 0.05)
    until(lambda: batched.stats.queue == 1)
    with pytest.raises(Overloaded):
        fail_open(batched)
    assert (late.result(10).outcome, late.result(10).error_code) == ("fell_back", "time_limit")
    until(lambda: batched.stats.queue == 0)
    inner.gate.open.set()
    assert first.result(10).outcome == "compressed"
    assert inner.batches == [["held"]]  # nobody worked for the one who had gone


def test_in_the_pipeline_a_failure_still_sends_the_original() -> None:
    inner = Slices()
    inner.gate.errors = {"Why?": RuntimeError("broken")}
    context = fail_open(BatchedCompressor(inner))
    assert (context.outcome, context.error_code) == ("fell_back", "compressor_failed")


def test_it_can_be_a_stage_of_a_chain() -> None:
    from tersus.compressors import chain

    together = chain(BatchedCompressor(FirstSentence()), load_compressor("none"))
    assert (
        together.compress("Why?", PASSAGES).text
        == chain(FirstSentence(), "none").compress("Why?", PASSAGES).text
    )


def test_a_compressor_that_gives_too_few_results_is_told_on() -> None:
    class Short(Slices):
        def compress_batch(self, *_: Any, **__: Any) -> Any:
            return []

    with pytest.raises(Exception, match="0 results"):
        BatchedCompressor(Short()).compress("Why?", PASSAGES)


def test_counters_that_remember_for_a_request_are_one_counter_to_batches_and_cache(crowd: Crowd) -> None:
    inner = Slices(closed=True)
    cache = CompressionCache(2**20)
    batched = BatchedCompressor(inner, cache=cache)
    long = [[Passage(text=f"Number {n} is here. " * 100)] for n in range(3)]
    asked: list[str] = []

    def counter(text: str) -> int:
        asked.append(text)
        return len(text)

    crowd.call(batched.compress, "held", PASSAGES)
    assert inner.gate.entered.wait(10)
    counters = [remembering(counter) for _ in long]
    for one, passages in zip(counters, long, strict=True):
        one(passages[0].text)
    found = [
        crowd.call(batched.compress, str(n), passages, counter=one)
        for n, (one, passages) in enumerate(zip(counters, long, strict=True))
    ]
    until(lambda: batched.stats.queue == 3)
    inner.gate.open.set()
    assert [one.result(10).tokens_before for one in found] == [len(p[0].text) for p in long]
    assert sorted(inner.batches[1]) == ["0", "1", "2"]
    assert [asked.count(passages[0].text) for passages in long] == [1, 1, 1]
    again = batched.compress("0", long[0], counter=remembering(counter))
    assert (again.text, cache.stats.hits) == (found[0].result().text, 1)
    assert not any(hold in counters for stored in cache._entries.values() for hold in stored.holds)
