"""Shadow checks of the drop-in: the same turn with its full context, behind what the caller gets."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import openai
import pytest
from pydantic import SecretStr
from tersus.rag import Settings, Tersus
from tersus.rag.chat.shadowing import LoopEnded, done_in
from tersus.rag.ledger.shadow_table import ShadowState
from tersus.rag.ledger.types import utc_now
from tersus.rag.shadow import ShadowRepository, Standing

from tests.rag.fakes import FirstSentence, HashedEmbedding, fill, rows
from tests.service.http.test_chat import HEAD, KEPT, LONG, MODEL, QUESTION, USAGE, Upstream, client_of, user
from tests.service.http.test_chat import listening as serving

SECOND = ("Tides follow", "Neap tides", "The oven must", "Zinc keeps")  # sentences that compression drops


class ToolCaller(Upstream):
    """Calls a tool in the mode ``tools``."""

    def answer(self, http: BaseHTTPRequestHandler) -> None:
        if self.mode != "tools":
            super().answer(http)
            return
        self.asked.append(json.loads(http.rfile.read(int(http.headers["Content-Length"]))))
        call = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        message = {"role": "assistant", "content": "Let me look.", "tool_calls": [call]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        whole = {**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE}
        self._send(http, 200, json.dumps(whole).encode())


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    made = ToolCaller()
    with serving(made):
        yield made


@pytest.fixture
def tersus(tmp_path: Path, upstream: Upstream) -> Iterator[Tersus]:
    settings = Settings(
        home=tmp_path / "home", compressor="first_sentence", ratio=0.5, top_k=2, shadow_share=1,
        llm_base_url=upstream.url, llm_model="gpt-4o-mini", llm_api_key=SecretStr("sk-upstream"),
        llm_timeout=5, shadow_least=10,
    )  # fmt: skip
    with Tersus(settings, embedding=HashedEmbedding()) as made:
        made.share(FirstSentence())
        fill(made.database)
        yield made


@pytest.fixture
def ai(client: Any) -> openai.OpenAI:
    return client_of(client)


def whole(messages: Any) -> bool:
    return any(second in json.dumps(messages) for second in SECOND)


def settle(tersus: Tersus) -> list[Standing]:
    assert tersus.backoff is not None
    tersus.backoff.settle()
    with tersus.database.session() as session:
        return ShadowRepository(session).standings(0.95)


def back_off(tersus: Tersus, step: int) -> None:
    with tersus.database.session(write=True) as session:
        state = ShadowState(
            collection="corpus", compressor="first_sentence", asked="ratio=0.5", step=step, since=utc_now(),
            reason="agreement is low",
        )  # fmt: skip
        session.add(state)
    assert tersus.backoff is not None
    tersus.backoff._steps.clear()


@pytest.mark.parametrize("stream", [False, True])
def test_the_turn_is_answered_again_with_all_that_was_found(
    ai: openai.OpenAI, upstream: Upstream, tersus: Tersus, stream: bool
) -> None:
    said = ai.chat.completions.create(
        model=MODEL, messages=[user(f"{QUESTION} <tersus>{LONG}</tersus>")], stream=stream, temperature=0.5
    )
    assert not stream or list(said)
    (standing,) = settle(tersus)
    assert (standing.key.collection, standing.checks) == ("corpus", 1)
    assert standing.mean == pytest.approx(1.0)
    first, again = upstream.asked
    assert not whole(first["messages"])
    assert whole(again["messages"])
    assert LONG in again["messages"][0]["content"]
    assert KEPT in first["messages"][0]["content"]
    assert (again["temperature"], again["stream"]) == (0.5, False)
    kinds = {row.kind: row for row in rows(tersus.database)}
    assert kinds["query"].outcome == "compressed"
    assert (kinds["shadow"].outcome, kinds["shadow"].provider_prompt_tokens) == ("bypassed", 120)
    assert kinds["shadow"].key_id is None


def test_a_comparison_changes_nothing_of_what_is_sent_later(
    ai: openai.OpenAI, upstream: Upstream, tersus: Tersus
) -> None:
    messages: list[Any] = [user(QUESTION)]
    ai.chat.completions.create(model=MODEL, messages=messages)
    settle(tersus)
    first = upstream.asked[0]["messages"]
    messages += [{"role": "assistant", "content": "The moon."}, user("Why do tides follow it?")]
    ai.chat.completions.create(model=MODEL, messages=messages)
    settle(tersus)
    _, _, second, again = (asked["messages"] for asked in upstream.asked)
    assert second[0] == first[0]
    # What an earlier turn was answered with stays: this turn alone is compared.
    assert again[0] == first[0]
    assert whole(again[-1])
    assert not whole(second[-1])


def test_where_it_backed_off_new_turns_are_whole_and_old_ones_as_they_were(
    ai: openai.OpenAI, upstream: Upstream, tersus: Tersus
) -> None:
    messages: list[Any] = [user(QUESTION)]
    ai.chat.completions.create(model=MODEL, messages=messages)
    settle(tersus)
    first = upstream.asked[0]["messages"][0]
    back_off(tersus, 2)
    messages += [{"role": "assistant", "content": "The moon."}, user("Why do tides follow it?")]
    raw = ai.chat.completions.with_raw_response.create(model=MODEL, messages=messages)
    sent = upstream.asked[2]["messages"]
    assert sent[0] == first
    assert whole(sent[-1])
    settle(tersus)
    row = next(row for row in rows(tersus.database) if row.id == raw.headers["x-tersus-query-id"])
    assert row.outcome == "bypassed"
    assert "backed off from ratio=0.5: agreement is low" in str(row.reason)
    # Recovering is tried beside it, with the step before.
    assert not whole(upstream.asked[3]["messages"][-1])


def test_tools_called_failures_and_bypassed_requests_are_not_compared(
    ai: openai.OpenAI, upstream: Upstream, tersus: Tersus
) -> None:
    upstream.mode = "tools"
    ai.chat.completions.create(model=MODEL, messages=[user(QUESTION)])
    upstream.mode = "error"
    with pytest.raises(openai.InternalServerError):
        ai.chat.completions.create(model=MODEL, messages=[user(QUESTION)])
    upstream.mode = "ok"
    off = {"x-tersus-compress": "off"}
    ai.chat.completions.create(model=MODEL, messages=[user(QUESTION)], extra_headers=off)
    ai.chat.completions.create(model="gpt-4o-mini", messages=[user(f"<tersus>{LONG}</tersus> Why?")])
    assert settle(tersus) == []
    assert {row.kind for row in rows(tersus.database)} == {"query"}


def test_a_comparison_that_fails_harms_nobody(
    ai: openai.OpenAI, upstream: Upstream, tersus: Tersus, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = upstream.answer

    def failing(http: BaseHTTPRequestHandler) -> None:
        upstream.mode = "error" if upstream.asked else "ok"
        answer(http)

    monkeypatch.setattr(upstream, "answer", failing)
    said = ai.chat.completions.create(model=MODEL, messages=[user(QUESTION)])
    assert said.choices[0].message.content == "The moon."
    assert settle(tersus) == []
    assert {row.kind: row.outcome for row in rows(tersus.database)} == {
        "query": "compressed",
        "shadow": "failed",
    }


@pytest.fixture
def loop() -> Iterator[tuple[asyncio.AbstractEventLoop, Callable[[], None]]]:
    made = asyncio.new_event_loop()
    thread = threading.Thread(target=made.run_forever)
    thread.start()

    def stop() -> None:
        made.call_soon_threadsafe(made.stop)
        thread.join()

    yield made, stop
    if made.is_running():
        stop()
    made.close()


async def three() -> int:
    await asyncio.sleep(0)
    return 3


async def late() -> int:
    raise TimeoutError("its own")


def test_work_is_done_in_the_loop_and_its_errors_come_back(loop: Any) -> None:
    running, _ = loop
    assert done_in(running, three()) == 3
    with pytest.raises(TimeoutError, match="its own"):
        done_in(running, late())


def test_a_loop_that_ends_keeps_nobody_waiting(loop: Any) -> None:
    running, stop = loop
    threading.Timer(0.2, stop).start()
    with pytest.raises(LoopEnded):
        done_in(running, asyncio.sleep(60))
    running.close()
    with pytest.raises(LoopEnded):
        done_in(running, three())
