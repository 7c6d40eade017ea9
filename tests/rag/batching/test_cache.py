"""Results by content: found again, bounded, computed once, and never changed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from tersus.compressors import (
    Budget,
    CompressedPassage,
    Compression,
    Compressor,
    Passage,
    Protection,
    Span,
    load_compressor,
    load_counter,
    render_context,
)
from tersus.rag.batching import BatchedCompressor, BatchLimits, CompressionCache, Overloaded
from tersus.rag.batching.content import Content
from tersus.rag.cancel import Cancelled, CancelToken

from tests.rag.batching.crowd import Crowd, Slices, until
from tests.rag.fakes import FirstSentence, rewriting

PASSAGES = [Passage(text="Tides follow the moon.", title="Tides"), Passage(text="Iron rusts.")]
COUNTER = load_counter()
MIB = 2**20


def content(**changes: Any) -> Content:
    values: dict[str, Any] = {
        "compressor": load_compressor("none"),
        "identity": "none 1",
        "query": "Why?",
        "passages": PASSAGES,
        "budget": Budget(ratio=0.5),
        "protection": Protection(),
        "counter": COUNTER,
        "renderer": render_context,
    }
    return Content.of(**{**values, **changes})


def moved(passages: Sequence[Passage]) -> list[Passage]:
    """The same content elsewhere."""
    return [replace(p, id=f"new {n}", score=0.1, metadata={"n": n}) for n, p in enumerate(passages)]


@pytest.mark.parametrize(
    "changes",
    [
        {"identity": "none 2"},
        {"query": "Why not?"},
        {"passages": PASSAGES[::-1]},
        {"passages": [*PASSAGES, Passage(text="")]},
        {"passages": [replace(PASSAGES[0], title="Tide", text="sTides follow the moon."), PASSAGES[1]]},
        {"budget": Budget(ratio=0.5000001)},
        {"budget": Budget(max_tokens=1)},
        {"protection": Protection(keep=["moon"])},
        {"counter": load_counter("o200k")},
        {"renderer": lambda passages: render_context(passages)},
    ],
)
def test_whatever_changes_a_result_changes_its_key(changes: dict[str, Any]) -> None:
    assert content(**changes) != content()
    assert content() == content()


def test_what_only_others_read_of_a_passage_is_in_the_key_for_others_only() -> None:
    assert content(passages=moved(PASSAGES)) == content()
    others = Slices()
    assert content(compressor=others, passages=moved(PASSAGES)) != content(compressor=others)
    chain = load_compressor("none+none")
    assert content(compressor=chain, passages=moved(PASSAGES)) == content(compressor=chain)


def cached(inner: Compressor, most: int = MIB, **limits: Any) -> tuple[BatchedCompressor, CompressionCache]:
    cache = CompressionCache(most)
    return BatchedCompressor(inner, BatchLimits(**limits), cache=cache), cache


def test_a_result_found_again_is_the_same_and_costs_nothing() -> None:
    inner = Slices()
    compressor, cache = cached(inner)
    first = compressor.compress("Why?", PASSAGES)
    again = compressor.compress("Why?", [replace(p) for p in PASSAGES])
    assert inner.batches == [["Why?"]]
    assert (first.overhead_tokens, again.overhead_tokens) == (7, 0)
    assert replace(again, seconds=0, overhead_tokens=7) == replace(first, seconds=0)
    assert 0 < again.seconds < 0.1
    assert (cache.stats.hits, cache.stats.misses, cache.stats.entries) == (1, 1, 1)


def test_each_caller_gets_objects_of_its_own_around_its_own_passages() -> None:
    compressor = BatchedCompressor(load_compressor("none"), cache=CompressionCache(MIB))
    first = compressor.compress("Why?", PASSAGES)
    expected = [*(first.passages[0].kept or ())]
    first.passages[0].kept.clear()  # type: ignore[union-attr]
    mine = moved(PASSAGES)
    again = compressor.compress("Why?", mine)
    assert [p.source for p in again.passages] == mine
    assert again.passages[0].kept == expected
    again.passages[0].kept.append(Span(0, 1))
    assert compressor.compress("Why?", mine).passages[0].kept == expected


def test_written_text_and_its_sources_are_kept_too() -> None:
    compressor, cache = cached(rewriting("The moon."))
    first = compressor.compress("Why?", PASSAGES)
    again = compressor.compress("Why?", PASSAGES)
    assert again.passages == first.passages
    assert again.passages[0].sentences[0].passages == (0,)
    assert cache.stats.hits == 1


def test_the_used_last_stay_within_the_bytes() -> None:
    compressor, cache = cached(Slices(), most=60_000)
    long = [Passage(text="word " * 2000)]  # about 10 kB a result, twice: passage and context
    for number in range(5):
        compressor.compress(str(number), long)
        compressor.compress("0", long)  # stays in use
        assert cache.stats.bytes <= 60_000
    assert cache.stats.entries == 5
    cache.most = 30_000
    compressor.compress("5", long)
    assert cache.stats.bytes <= 30_000
    misses = cache.stats.misses
    compressor.compress("5", long)
    assert cache.stats.misses == misses
    compressor.compress("1", long)
    assert cache.stats.misses == misses + 1


def test_a_result_larger_than_the_cache_is_not_kept() -> None:
    compressor, cache = cached(Slices(), most=100)
    for _ in range(2):
        compressor.compress("Why?", PASSAGES)
    assert (cache.stats.entries, cache.stats.bytes, cache.stats.misses) == (0, 0, 2)


def test_the_same_request_from_many_is_computed_once(crowd: Crowd) -> None:
    inner = Slices(closed=True)
    compressor, cache = cached(inner)
    found = [crowd.call(compressor.compress, "Why?", PASSAGES) for _ in range(12)]
    assert inner.gate.entered.wait(10)
    inner.gate.open.set()
    results = [one.result(10) for one in found]
    assert inner.batches == [["Why?"]]
    assert len({result.text for result in results}) == 1
    assert sum(result.overhead_tokens for result in results) == 7  # paid once
    assert (cache.stats.misses, cache.stats.hits + cache.stats.shared) == (1, 11)


def test_an_error_is_told_to_all_who_wait_and_not_kept(crowd: Crowd) -> None:
    inner = Slices(closed=True)
    inner.gate.errors = {"Why?": ValueError("once")}
    compressor, cache = cached(inner)
    found = [crowd.call(compressor.compress, "Why?", PASSAGES) for _ in range(3)]
    waiting(cache, 2)
    inner.gate.open.set()
    for one in found:
        with pytest.raises(ValueError, match="once"):
            one.result(10)
    inner.gate.errors = {}
    assert compressor.compress("Why?", PASSAGES).reason == "half for Why?"


def waiting(cache: CompressionCache, count: int) -> None:
    """Until so many wait for a computation in flight."""
    until(lambda: any(len(flight._done_callbacks) == count for flight in cache._flights.values()))  # type: ignore[attr-defined]


def test_when_the_first_gives_up_another_computes(crowd: Crowd) -> None:
    inner = Slices(closed=True)
    compressor, cache = cached(inner)
    token = CancelToken()
    first = crowd.call(compressor.compress, "Why?", PASSAGES, token=token)
    assert inner.gate.entered.wait(10)
    others = [crowd.call(compressor.compress, "Why?", PASSAGES) for _ in range(3)]
    waiting(cache, 3)
    token.cancel()
    with pytest.raises(Cancelled):
        first.result(10)
    inner.gate.open.set()
    assert {one.result(10).reason for one in others} == {"half for Why?"}
    assert len(inner.batches) <= 2


def test_who_waits_for_anothers_result_may_give_up_alone(crowd: Crowd) -> None:
    inner = Slices(closed=True)
    compressor, cache = cached(inner)
    first = crowd.call(compressor.compress, "Why?", PASSAGES)
    assert inner.gate.entered.wait(10)
    token = CancelToken()
    second = crowd.call(compressor.compress, "Why?", PASSAGES, token=token)
    waiting(cache, 1)
    token.cancel()
    with pytest.raises(Cancelled):
        second.result(10)
    inner.gate.open.set()
    assert first.result(10).reason == "half for Why?"


def test_a_refusal_is_each_callers_own(crowd: Crowd) -> None:
    inner = Slices(closed=True)
    compressor, _ = cached(inner, queue=1)
    crowd.call(compressor.compress, "held", PASSAGES)
    assert inner.gate.entered.wait(10)
    crowd.call(compressor.compress, "queued", PASSAGES)
    until(lambda: compressor.stats.queue == 1)
    for _ in range(2):
        with pytest.raises(Overloaded):
            compressor.compress("Why?", PASSAGES)
    inner.gate.open.set()


def test_something_that_is_no_result_is_passed_on_and_not_kept(crowd: Crowd) -> None:
    cache = CompressionCache(MIB)
    go = threading.Event()

    def odd() -> Any:
        go.wait(10)
        return "no result"

    found = [crowd.call(cache.compress, content(), PASSAGES, odd) for _ in range(3)]
    go.set()
    assert [one.result(10) for one in found] == ["no result"] * 3
    assert cache.stats.entries == 0


def test_stages_of_a_chain_are_kept_without_their_time() -> None:
    compressor = BatchedCompressor(load_compressor("none+none"), cache=CompressionCache(MIB))
    first = compressor.compress("Why?", PASSAGES)
    again = compressor.compress("Why?", PASSAGES)
    assert [replace(s, seconds=0.0) for s in first.stages] == [*again.stages] != []


def test_results_are_as_without_cache() -> None:
    plain = FirstSentence()
    compressor, _ = cached(FirstSentence())
    for _ in range(2):
        got = compressor.compress("Why?", PASSAGES, Budget(ratio=0.5))
        expected = plain.compress("Why?", PASSAGES, Budget(ratio=0.5))
        assert isinstance(got, Compression)
        assert replace(got, seconds=0) == replace(expected, seconds=0)
        assert all(isinstance(p, CompressedPassage) for p in got.passages)
