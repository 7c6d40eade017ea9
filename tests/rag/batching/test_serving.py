"""Tersus for many callers: one instance a compressor, batches, cache, gauges, and an orderly end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tersus.compressors import Compressor, ExtractiveCompressor, UnknownCompressor
from tersus.errors import InvalidInput
from tersus.rag import Tersus
from tersus.rag.batching import BatchedCompressor, BatchedEmbedding, Closed, CompressorPool, Overloaded
from tersus.rag.cancel import CancelToken

from tests.rag import fakes
from tests.rag.batching.crowd import Crowd, Slices, until
from tests.rag.fakes import HashedEmbedding, ScriptedLLM, fill, rows

QUESTION = "When do spring tides come?"


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Tersus]:
    def made(**values: Any) -> Tersus:
        tersus = Tersus(
            fakes.settings(tmp_path, compressor="slices", **values),
            llm=ScriptedLLM(),
            embedding=HashedEmbedding(),
            serving=True,
        )
        # A batch that a test holds up looks slow, and slow work is not merged.
        assert tersus._serving is not None
        tersus._serving.limits = replace(tersus._serving.limits, seconds=10_000)
        fill(tersus.database)
        return tersus

    return made


def test_queries_together_are_compressed_together_and_found_again(
    make: Callable[..., Tersus], crowd: Crowd
) -> None:
    inner = Slices(closed=True)
    with make() as tersus:
        tersus.share(inner)
        held = crowd.call(tersus.query, "Held?", "corpus")
        assert inner.gate.entered.wait(10)
        asked = [f"{QUESTION} {n}" for n in range(4)]
        found = [crowd.call(tersus.query, question, "corpus") for question in asked]
        until(lambda: tersus.gauges()["compress_queue_length"] == 4)
        inner.gate.open.set()
        assert {one.result(20).outcome for one in (held, *found)} == {"compressed"}
        assert [sorted(batch) for batch in inner.batches] == [["Held?"], asked]
        again = tersus.query(asked[0], "corpus")
        assert again.context == found[0].result().context
        assert len(inner.batches) == 2
        assert (found[0].result().overhead_tokens, again.overhead_tokens) == (7, 0)
        gauges = tersus.gauges()
        assert (gauges["cache_hits"], gauges["cache_misses"], gauges["cache_entries"]) == (1, 5, 5)
        assert (gauges["compress_batches"], gauges["compress_batch_size"]) == (2, 2.5)
        assert len(rows(tersus.database)) == 6


def test_a_full_queue_fails_the_query_and_its_row_says_so(make: Callable[..., Tersus], crowd: Crowd) -> None:
    inner = Slices(closed=True)
    with make(batch_queue=1, cache_mb=0) as tersus:
        tersus.share(inner)
        crowd.call(tersus.query, "Held?", "corpus")
        assert inner.gate.entered.wait(10)
        crowd.call(tersus.query, "Waits?", "corpus")
        until(lambda: tersus.gauges()["compress_queue_length"] == 1)
        with pytest.raises(Overloaded):
            tersus.query(QUESTION, "corpus")
        row = next(row for row in rows(tersus.database) if row.question == QUESTION)
        assert (row.outcome, row.error_code) == ("failed", "overloaded")
        assert "cache_hits" not in tersus.gauges()
        inner.gate.open.set()
        crowd.close()


async def test_a_task_that_is_cancelled_frees_its_place(make: Callable[..., Tersus], crowd: Crowd) -> None:
    import asyncio

    inner = Slices(closed=True)
    with make() as tersus:
        tersus.share(inner)
        crowd.call(tersus.query, "Held?", "corpus", token=CancelToken())
        await asyncio.to_thread(inner.gate.entered.wait, 10)
        task = asyncio.ensure_future(tersus.aquery(QUESTION, "corpus"))
        await asyncio.to_thread(until, lambda: tersus.gauges()["compress_queue_length"] == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(until, lambda: tersus.gauges()["compress_queue_length"] == 0)
        inner.gate.open.set()
        await asyncio.to_thread(crowd.close)
        assert inner.batches == [["Held?"]]
        assert [row.outcome for row in rows(tersus.database) if row.question == QUESTION] == ["failed"]


def test_closing_finishes_the_requests_held(make: Callable[..., Tersus], crowd: Crowd) -> None:
    inner = Slices(closed=True)
    tersus = make()
    tersus.share(inner)
    compressor = tersus.compressor()
    passages = [fakes_passage()]
    found = [crowd.call(compressor.compress, "Why 0?", passages)]
    assert inner.gate.entered.wait(10)
    found += [crowd.call(compressor.compress, f"Why {n}?", passages) for n in range(1, 5)]
    until(lambda: tersus.gauges()["compress_queue_length"] == 4)
    closing = crowd.call(tersus.close)
    until(lambda: compressor._batcher._closed)  # type: ignore[attr-defined]
    inner.gate.open.set()
    closing.result(10)
    assert [one.result(10).reason for one in found] == [f"half for Why {n}?" for n in range(5)]
    with pytest.raises(Closed):
        compressor.compress("Late?", passages)


def fakes_passage() -> Any:
    from tersus.compressors import Passage

    return Passage(text="Spring tides come at new and full moon.")


def test_compressors_are_loaded_once_and_batched_where_they_take_time(tmp_path: Path) -> None:
    with Tersus(
        fakes.settings(tmp_path, compressors={"exit": {"hops": 1}}), embedding=HashedEmbedding(), serving=True
    ) as tersus:
        exit_ = tersus.compressor("exit")
        assert isinstance(exit_, BatchedCompressor)
        assert isinstance(exit_, ExtractiveCompressor)
        assert exit_ is tersus.compressor() is tersus.compressor("exit")
        assert exit_.hops == 1
        assert tersus.pipeline._compressors("exit") is exit_
        assert not isinstance(tersus.compressor("none"), BatchedCompressor)
        assert isinstance(tersus.compressor("exit+none"), BatchedCompressor)
        assert isinstance(tersus.embedding, HashedEmbedding)  # an endpoint's would be left alone, too
    with Tersus(fakes.settings(tmp_path), serving=True) as tersus:
        assert isinstance(tersus.embedding, BatchedEmbedding)
        assert tersus.embedding is tersus.embedding
        tersus.embedding.get_query_embedding("Why?")
        assert tersus.gauges()["embed_batches"] == 1


def test_without_serving_nothing_is_batched(tmp_path: Path) -> None:
    with Tersus(fakes.settings(tmp_path)) as tersus:
        assert not isinstance(tersus.compressor("exit"), BatchedCompressor)
        assert tersus.compressor("exit") is tersus.compressor("exit")
        assert not isinstance(tersus.embedding, BatchedEmbedding)
        assert tersus.gauges() == {}


def test_the_pool_makes_one_of_each_name_and_options(crowd: Crowd) -> None:
    made: list[str] = []

    def wrap(compressor: Compressor, identity: str) -> Compressor:
        made.append(identity)
        return compressor

    pool = CompressorPool(wrap)
    found = [crowd.call(pool.get, "exit", {"hops": n % 2 + 1, "device": "cpu"}) for n in range(20)]
    assert len({id(one.result(20)) for one in found}) == 2
    assert len(set(made)) == len(made) == 2
    assert pool.get("exit", {"device": "cpu", "hops": 1}) is found[0].result()
    assert pool.get("exit") is not found[0].result()
    mine = Slices()
    pool.share(mine)
    assert pool.get("slices", {"any": 1}) is mine
    with pytest.raises(UnknownCompressor):
        pool.get("exot")
    with pytest.raises(InvalidInput):
        pool.get("exit", {"colour": 1})


def test_the_pool_forgets_what_was_unused_for_longest() -> None:
    pool = CompressorPool(most=2)
    first, second = pool.get("none"), pool.get("none+none")
    assert pool.get("none") is first
    pool.get("none+none+none")
    assert pool.get("none") is first
    assert pool.get("none+none") is not second
