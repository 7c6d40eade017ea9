"""The language model behind an endpoint or on this machine, its tokenizer, and what it says it used."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from llama_index.core.llms import LLM, ChatMessage, ChatResponse
from openai.types import CompletionUsage
from openai.types.completion_usage import PromptTokensDetails
from tersus.compressors import counter_name
from tersus.compressors.models.store import ModelMissing
from tersus.errors import TersusError
from tersus.rag.ledger import Database, schema
from tersus.rag.llm import LLMFailed, LLMTimeout, Usage, load_llm, target_model, target_tokenizer, usage_of
from tersus.rag.local_llm import LocalLLM
from tersus.rag.settings import InvalidSettings

from tests.rag import endpoint, fakes
from tests.rag.endpoint import Endpoint, chat_response
from tests.rag.fakes import FirstSentence, ScriptedLLM

QUESTION = "When do spring tides come?"


@pytest.fixture
def server() -> Iterator[Endpoint]:
    with endpoint.serving() as running:
        yield running


@pytest.fixture
def corpus(database: Database) -> Database:
    fakes.fill(database)
    return database


def remote(home: Path, server: Endpoint, **values: Any) -> Any:
    return fakes.settings(
        home, llm_base_url=server.url, llm_model="gpt-4o-mini", tokenizer=None, llm_max_tokens=50, **values
    )


def ask(corpus: Database, home: Path, server: Endpoint, **values: Any) -> Any:
    settings = remote(home, server, **values)
    pipe = fakes.pipeline(corpus, home, load_llm(settings), **settings.model_dump(exclude={"home"}))
    return pipe.query(QUESTION, "corpus", compressor=FirstSentence())


def test_an_endpoint_is_asked_as_the_settings_say(corpus: Database, tmp_path: Path, server: Endpoint) -> None:
    server.body = chat_response(
        " The moon. ",
        {"prompt_tokens": 120, "completion_tokens": 6, "total_tokens": 126,
         "prompt_tokens_details": {"cached_tokens": 64}},
    )  # fmt: skip
    result = ask(corpus, tmp_path, server, llm_api_key="sk-1")
    (request,) = server.requests
    assert (request["model"], request["max_tokens"], request["temperature"]) == ("gpt-4o-mini", 50, 0.0)
    assert [m["role"] for m in request["messages"]] == ["system", "user"]
    assert result.context in request["messages"][1]["content"]
    assert server.keys == ["Bearer sk-1"]
    assert result.answer == "The moon."
    assert (result.usage, result.tokenizer) == (Usage(120, 64, 6), "o200k")
    row = fakes.only_row(corpus)
    assert (row.provider_prompt_tokens, row.provider_cached_tokens, row.provider_completion_tokens) == (
        120, 64, 6
    )  # fmt: skip
    assert (row.outcome, row.answer, row.tokenizer) == ("compressed", "The moon.", "o200k")


def test_a_question_with_half_a_character_is_sent(corpus: Database, tmp_path: Path, server: Endpoint) -> None:
    settings = remote(tmp_path, server)
    pipe = fakes.pipeline(corpus, tmp_path, load_llm(settings))
    assert pipe.query("the \ud83c tide \x00 🌊", "corpus", compress=False).answer == "The moon."
    assert "the \ufffd tide" in server.requests[0]["messages"][1]["content"]


GARBAGE: list[tuple[int, Any]] = [
    (500, {"error": {"message": "out of order"}}),
    (401, {"error": {"message": "no such key"}}),
    (404, b"<html>not here</html>"),
    (200, b"<html>a login page</html>"),
    (200, b"not json at all"),
    (200, b""),
    (200, {}),
    (200, []),
    (200, {"choices": []}),
    (200, {"choices": None}),
    (200, {"choices": [{"index": 0}]}),
    (200, chat_response("")),
    (200, chat_response(None)),
]


@pytest.mark.parametrize(("status", "body"), GARBAGE, ids=range(len(GARBAGE)))
def test_a_bad_answer_is_a_failure_of_the_model(
    corpus: Database, tmp_path: Path, server: Endpoint, status: int, body: Any
) -> None:
    server.status, server.body = status, body
    with pytest.raises(LLMFailed) as caught:
        ask(corpus, tmp_path, server)
    row = fakes.only_row(corpus)
    assert (row.outcome, row.error_code, row.reason) == ("failed", "llm_failed", str(caught.value))
    assert row.cost_saved is None


@pytest.mark.parametrize(
    "usage",
    [{"prompt_tokens": n} for n in (10**30, -4, "many", 1.5)] + [[], 7],
)  # fmt: skip
def test_nonsense_about_usage_does_not_cost_the_answer(
    corpus: Database, tmp_path: Path, server: Endpoint, usage: Any
) -> None:
    server.body = chat_response("The moon.", usage)
    assert ask(corpus, tmp_path, server).answer == "The moon."
    assert fakes.only_row(corpus).provider_prompt_tokens is None


def test_a_server_that_hangs_is_given_up(corpus: Database, tmp_path: Path, server: Endpoint) -> None:
    server.hangs = True
    with pytest.raises(LLMTimeout, match=r"within 0\.3 s"):
        ask(corpus, tmp_path, server, llm_timeout=0.3)
    assert fakes.only_row(corpus).error_code == "llm_timeout"


def test_a_server_that_is_not_there_is_a_failure(corpus: Database, tmp_path: Path) -> None:
    with endpoint.serving() as gone:
        pass
    with pytest.raises(LLMFailed, match="TERSUS_LLM_BASE_URL"):
        ask(corpus, tmp_path, gone)
    assert fakes.only_row(corpus).error_code == "llm_failed"


def test_one_pipeline_serves_one_event_loop_after_another_with_one_request_a_query(
    tmp_path: Path, server: Endpoint
) -> None:
    ledger = Database(f"sqlite:///{tmp_path}/tersus.db")
    schema.upgrade(ledger)
    fakes.fill(ledger)
    pipe = fakes.pipeline(ledger, tmp_path, load_llm(remote(tmp_path, server)))
    for _ in range(3):
        assert asyncio.run(pipe.aquery(QUESTION, "corpus", compress=False)).answer == "The moon."
    assert len(server.requests) == 3  # a connection of a loop that is gone would be paid for twice
    server.status = 500
    with pytest.raises(LLMFailed):
        asyncio.run(pipe.aquery(QUESTION, "corpus", compress=False))
    server.hangs, server.status = True, 200
    quick = fakes.pipeline(ledger, tmp_path, load_llm(remote(tmp_path, server)), llm_timeout=0.3)
    with pytest.raises(LLMTimeout):
        asyncio.run(quick.aquery(QUESTION, "corpus", compress=False))
    assert [row.error_code for row in fakes.rows(ledger)] == [None] * 3 + ["llm_failed", "llm_timeout"]
    ledger.close()


def test_an_endpoint_is_built_from_the_settings(tmp_path: Path) -> None:
    llm: Any = load_llm(
        fakes.settings(
            tmp_path, llm_base_url="http://localhost:9/v1", llm_model="m", llm_context_window=4096,
            llm_max_tokens=77, llm_timeout=3, llm_api_key="k",
        )
    )  # fmt: skip
    assert (llm.model, llm.api_base, llm.api_key, llm.timeout) == ("m", "http://localhost:9/v1", "k", 3)
    assert (llm.metadata.context_window, llm.metadata.num_output) == (4096, 77)
    assert llm.metadata.is_chat_model
    with pytest.raises(InvalidSettings, match="TERSUS_LLM_MODEL"):
        load_llm(fakes.settings(tmp_path, llm_base_url="http://localhost:9/v1"))


def test_without_an_endpoint_the_model_is_a_local_one(tmp_path: Path) -> None:
    llm = load_llm(fakes.settings(tmp_path, llm_model="some/model", llm_max_tokens=9))
    assert isinstance(llm, LocalLLM)
    assert (llm.model, llm.max_new_tokens) == ("some/model", 9)


DETAILS = PromptTokensDetails(cached_tokens=3)
REPORTED: list[tuple[Any, dict[str, Any], Usage]] = [
    ({"usage": {"prompt_tokens": 5, "completion_tokens": 2}}, {}, Usage(5, None, 2)),
    ({"usage": {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 0}}}, {}, Usage(5, 0, None)),
    (
        SimpleNamespace(usage=CompletionUsage(
            prompt_tokens=9, completion_tokens=1, total_tokens=10, prompt_tokens_details=DETAILS)),
        {}, Usage(9, 3, 1),
    ),
    (
        SimpleNamespace(usage=CompletionUsage(prompt_tokens=9, completion_tokens=1, total_tokens=10)),
        {}, Usage(9, None, 1),
    ),
    (None, {"prompt_tokens": 4, "completion_tokens": 1}, Usage(4, None, 1)),
    ({"usage": None}, {"prompt_tokens": 4}, Usage(4, None, None)),
    (None, {}, Usage()),
    ("text", {}, Usage()),
    ({"usage": {"prompt_tokens": True, "completion_tokens": -1}}, {}, Usage()),
    ({"usage": {"prompt_tokens": 2**63, "completion_tokens": 2**63 - 1}}, {}, Usage(None, None, 2**63 - 1)),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "extra", "expected"), REPORTED)
def test_usage_is_read_from_dicts_and_objects(raw: Any, extra: dict[str, Any], expected: Usage) -> None:
    response = ChatResponse(message=ChatMessage(content="x"), raw=raw, additional_kwargs=extra)
    assert usage_of(response) == expected


@pytest.mark.parametrize(
    ("model", "tokenizer"),
    [("gpt-4", "cl100k"), ("gpt-4-turbo", "cl100k"), ("gpt-3.5-turbo", "cl100k"), ("openai/gpt-4", "cl100k"),
     ("gpt-4o", "o200k"), ("gpt-4.1-mini", "o200k"), ("gpt-5", "o200k"), ("o4-mini", "o200k"),
     ("llama-3", "o200k")],
)  # fmt: skip
def test_an_endpoints_tokens_are_counted_by_its_models_name(
    tmp_path: Path, model: str, tokenizer: str
) -> None:
    settings = fakes.settings(tmp_path, llm_base_url="http://x/v1", llm_model=model, tokenizer=None)
    assert counter_name(target_tokenizer(settings)) == tokenizer
    given = fakes.settings(tmp_path, tokenizer=None)
    assert counter_name(target_tokenizer(given, ScriptedLLM(model=model))) == tokenizer
    assert counter_name(target_tokenizer(fakes.settings(tmp_path), ScriptedLLM(model=model))) == "cl100k"


def test_a_local_models_tokens_are_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = fakes.settings(tmp_path, tokenizer=None)
    local: list[LLM | None] = [None, LocalLLM()]
    monkeypatch.setenv("TERSUS_MODELS_DIR", str(tmp_path))
    for llm in local:
        assert target_model(settings, llm) == ("smollm2", True)
        with pytest.raises(ModelMissing) as caught:
            target_tokenizer(settings, llm)
        assert isinstance(caught.value, TersusError)
        assert counter_name(target_tokenizer(settings, llm, substitute=True)) == "cl100k"
    assert target_model(settings, LocalLLM(model="other")) == ("other", True)
    assert target_model(settings, ScriptedLLM()) == ("gpt-4o-mini", False)
