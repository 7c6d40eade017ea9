"""Queries from an event loop: the same account, many at once, cancelled at any moment, nothing blocked."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tersus.errors import InvalidInput, TersusError
from tersus.rag.ledger import Database, QueryWrites
from tersus.rag.ledger.errors import UnknownCollection
from tersus.rag.ledger.savings import savings
from tersus.rag.llm import LLMFailed, LLMTimeout

from tests.rag import fakes
from tests.rag.fakes import FirstSentence, ScriptedLLM, SyncLLM

QUESTION = "When do spring tides come?"


@pytest.fixture
def corpus(database: Database) -> Database:
    fakes.fill(database)
    return database


async def until(condition: Callable[[], Any]) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came to pass")


async def ticks_during(work: Awaitable[Any]) -> int:
    """How often another task got its turn while ``work`` ran."""
    count = 0

    async def tick() -> None:
        nonlocal count
        while True:
            await asyncio.sleep(0.01)
            count += 1

    ticker = asyncio.create_task(tick())
    try:
        await work
    finally:
        ticker.cancel()
    return count


async def test_aquery_gives_what_query_gives(corpus: Database, tmp_path: Path) -> None:
    pipe = fakes.pipeline(corpus, tmp_path, ScriptedLLM(raw=fakes.usage(90, 30, 4)))
    options: dict[str, Any] = {"compressor": FirstSentence(), "top_k": 3}
    sync = await asyncio.to_thread(pipe.query, QUESTION, "corpus", **options)
    awaited = await pipe.aquery(QUESTION, "corpus", **options)
    own = {"id": None, "seconds": None}
    assert {**sync.to_dict(), **own} == {**awaited.to_dict(), **own}
    first, second = fakes.rows(corpus)
    different = {
        "id", "created_at", "finished_at",
        "retrieve_seconds", "compress_seconds", "llm_seconds", "total_seconds",
    }  # fmt: skip
    for column in set(first.__table__.columns.keys()) - different:
        assert getattr(first, column) == getattr(second, column), column
    assert (first.outcome, first.tokens_saved) == ("compressed", sync.tokens_saved)


async def test_twenty_at_once_leave_twenty_rows(corpus: Database, tmp_path: Path) -> None:
    pipe = fakes.pipeline(corpus, tmp_path, ScriptedLLM(delay=0.02, raw=fakes.usage()))
    results = await asyncio.gather(
        *(pipe.aquery(f"{QUESTION} {n}", "corpus", compressor=FirstSentence()) for n in range(20))
    )
    found = {row.id: (row.question, row.outcome, row.tokens_saved) for row in fakes.rows(corpus)}
    assert found == {r.id: (f"{QUESTION} {n}", "compressed", r.tokens_saved) for n, r in enumerate(results)}
    with corpus.session() as session:
        total = savings(session).total
    assert (total.queries, total.compressed) == (20, 20)
    assert total.tokens_saved == sum(r.tokens_saved for r in results)
    assert total.cost_saved == sum((r.cost_saved or Decimal(0) for r in results), Decimal(0)) > 0


CASES: list[tuple[dict[str, Any], type[TersusError], str]] = [
    ({"error": RuntimeError("boom")}, LLMFailed, "llm_failed"),
    ({"delay": 30.0}, LLMTimeout, "llm_timeout"),
    ({"answer": ""}, LLMFailed, "llm_failed"),
]


@pytest.mark.parametrize(("script", "error", "code"), CASES)
async def test_failures_are_raised_and_recorded(
    corpus: Database, tmp_path: Path, script: dict[str, Any], error: type[TersusError], code: str
) -> None:
    pipe = fakes.pipeline(corpus, tmp_path, ScriptedLLM(**script), llm_timeout=0.2)
    with pytest.raises(error) as caught:
        await pipe.aquery(QUESTION, "corpus", compress=False)
    row = fakes.only_row(corpus)
    assert (row.outcome, row.error_code, row.reason) == ("failed", code, str(caught.value))


async def test_what_cannot_be_asked_is_refused_without_a_row(corpus: Database, tmp_path: Path) -> None:
    pipe = fakes.pipeline(corpus, tmp_path, ScriptedLLM())
    with pytest.raises(InvalidInput):
        await pipe.aquery(" ", "corpus")
    with pytest.raises(UnknownCollection):
        await pipe.aquery(QUESTION, "nowhere", compress=False)
    assert fakes.rows(corpus) == []


async def test_a_query_cancelled_while_the_model_answers_is_closed_as_failed(
    corpus: Database, tmp_path: Path
) -> None:
    llm = ScriptedLLM(delay=60)
    task = asyncio.create_task(
        fakes.pipeline(corpus, tmp_path, llm).aquery(QUESTION, "corpus", compress=False)
    )
    await until(lambda: llm.asked)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    row = fakes.only_row(corpus)
    assert (row.outcome, row.reason, row.answer) == ("failed", "CancelledError", None)
    assert row.finished_at is not None
    assert row.tokens_before is not None


async def test_a_query_cancelled_while_it_is_compressed_is_closed_as_failed(
    corpus: Database, tmp_path: Path
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def act(task: Any) -> Any:
        begun.set()
        go_on.wait(20)
        return FirstSentence()._compress_batch([task])[0]

    llm = ScriptedLLM()
    task = asyncio.create_task(
        fakes.pipeline(corpus, tmp_path, llm).aquery(QUESTION, "corpus", compressor=fakes.Scripted(act))
    )
    await until(begun.is_set)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    row = fakes.only_row(corpus)
    assert (row.outcome, row.tokens_before, llm.asked) == ("failed", None, [])


async def test_a_query_cancelled_while_its_row_is_opened_does_not_leave_the_row_open(
    corpus: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    start = QueryWrites.start

    def slowly(self: QueryWrites, record: Any) -> str:
        begun.set()
        go_on.wait(20)
        return start(self, record)

    monkeypatch.setattr(QueryWrites, "start", slowly)
    task = asyncio.create_task(
        fakes.pipeline(corpus, tmp_path, ScriptedLLM()).aquery(QUESTION, "corpus", compress=False)
    )
    await until(begun.is_set)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    await until(lambda: [row.outcome for row in fakes.rows(corpus)] == ["failed"])
    assert fakes.only_row(corpus).reason == "CancelledError"


# LlamaIndex's instrumentation does not expect to be thrown away from another context.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_query_whose_loop_ends_without_a_word_closes_its_row(corpus: Database, tmp_path: Path) -> None:
    llm = ScriptedLLM(delay=60)
    loop = asyncio.new_event_loop()
    task = loop.create_task(fakes.pipeline(corpus, tmp_path, llm).aquery(QUESTION, "corpus", compress=False))
    loop.run_until_complete(until(lambda: llm.asked))
    loop.close()
    del task
    gc.collect()
    assert fakes.only_row(corpus).outcome == "failed"


async def test_a_slow_compressor_does_not_block_the_loop(corpus: Database, tmp_path: Path) -> None:
    pipe = fakes.pipeline(corpus, tmp_path, ScriptedLLM())
    count = await ticks_during(pipe.aquery(QUESTION, "corpus", compressor=fakes.sleeping(0.5)))
    assert count >= 10  # of about 50
    assert fakes.only_row(corpus).outcome == "compressed"


async def test_a_model_that_can_only_block_does_not_block_the_loop_and_is_given_up_in_time(
    corpus: Database, tmp_path: Path
) -> None:
    pipe = fakes.pipeline(corpus, tmp_path, SyncLLM(delay=0.5))
    assert await ticks_during(pipe.aquery(QUESTION, "corpus", compress=False)) >= 10
    slow = SyncLLM(delay=30)
    pipe = fakes.pipeline(corpus, tmp_path, slow, llm_timeout=0.2)
    began = time.perf_counter()
    with pytest.raises(LLMTimeout):
        await pipe.aquery(QUESTION, "corpus", compress=False)
    slow.release()
    assert time.perf_counter() - began < 20
    assert [row.outcome for row in fakes.rows(corpus)] == ["bypassed", "failed"]
    assert fakes.rows(corpus)[1].error_code == "llm_timeout"


async def test_a_database_that_is_busy_when_a_query_fails_does_not_block_the_loop(
    corpus: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = QueryWrites.finish

    def slowly(self: QueryWrites, *arguments: Any, **values: Any) -> None:
        time.sleep(0.5)
        finish(self, *arguments, **values)

    monkeypatch.setattr(QueryWrites, "finish", slowly)
    pipe = fakes.pipeline(corpus, tmp_path, ScriptedLLM(error=RuntimeError("boom")))

    async def fail() -> None:
        with pytest.raises(LLMFailed):
            await pipe.aquery(QUESTION, "corpus", compress=False)

    assert await ticks_during(fail()) >= 10
    assert fakes.only_row(corpus).outcome == "failed"
