"""Language models as summarisers: any LlamaIndex LLM, dead ones, and one on this machine."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from llama_index.core.bridge.pydantic import Field
from llama_index.core.llms import CompletionResponse, CompletionResponseGen, CustomLLM, LLMMetadata
from llama_index.core.llms.callbacks import llm_completion_callback
from tersus.compressors import load_counter
from tersus.compressors.models.causal import load_causal
from tersus.compressors.models.store import ModelMissing
from tersus.compressors.summarise import (
    ExtractiveSummariser,
    GenerativeSummariser,
    SummariserFailed,
    SummaryJob,
)
from tersus.errors import InvalidInput, NotInstalled, TersusError

from tests.compressors.exit_llm import tiny
from tests.compressors.strategies import bag_of_words

count = load_counter()
OWN = ExtractiveSummariser(bag_of_words)
TEXT = (
    "The hotel Astoria has 120 rooms and a pool. Its staff is kind to all guests who come by. "
    "Breakfast costs 15 dollars and is served until ten."
)


class Echo(CustomLLM):
    """A real LlamaIndex LLM that says the first sentence of the text it was given."""

    raw_: Any = None
    window: int = 4000
    seen: list[str] = Field(default_factory=list)

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="echo-1", context_window=self.window)

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        self.seen.append(prompt)
        text = prompt.partition("Text:\n")[2].partition("\n\nSummary:")[0]
        return CompletionResponse(text=text.partition(".")[0] + ".", raw=self.raw_)

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        raise NotImplementedError


def test_any_llamaindex_llm_summarises_with_a_prompt_that_names_text_question_and_length() -> None:
    llm = Echo(seen=[])
    summariser = GenerativeSummariser(llm, workers=1)
    [plain, asked] = summariser.summarise(
        [SummaryJob([TEXT], max_tokens=20), SummaryJob([TEXT], "Is it kind?")]
    )
    assert plain.text == asked.text == "The hotel Astoria has 120 rooms and a pool."
    assert plain.fallback is None
    assert plain.tokens_used == count(llm.seen[0]) + count(plain.text)
    assert TEXT in llm.seen[0]
    assert "at most 14 words" in llm.seen[0]
    assert "Is it kind?" in llm.seen[1]
    assert "Is it kind?" not in llm.seen[0]
    assert (summariser.name, summariser.fingerprint.partition(":")[0]) == ("echo-1", "Echo")


def test_a_prompt_of_the_users_own_is_sent_and_changes_the_fingerprint() -> None:
    llm = Echo(seen=[])
    own = GenerativeSummariser(llm, prompt="Text:\n{text}\n\nSummary: as a pirate")
    own.summarise([SummaryJob([TEXT], "Kind?")])
    assert llm.seen == [f"Text:\n{TEXT}\n\nSummary: as a pirate"]
    assert own.fingerprint != GenerativeSummariser(llm).fingerprint


@pytest.mark.parametrize(
    "raw",
    [
        {"usage": {"prompt_tokens": 70, "completion_tokens": 7}},
        SimpleNamespace(usage=SimpleNamespace(prompt_tokens=70, completion_tokens=7), choices=[]),
    ],
)
def test_tokens_are_those_that_the_provider_counted(raw: Any) -> None:
    assert GenerativeSummariser(Echo(raw_=raw)).summarise([SummaryJob([TEXT])])[0].tokens_used == 77


def test_an_answer_that_the_provider_cut_loses_its_last_sentence() -> None:
    raw = {"choices": [{"finish_reason": "length"}]}
    summary = GenerativeSummariser(Echo(raw_=raw), extractive=OWN).summarise([SummaryJob([TEXT])])[0]
    assert summary.fallback == "it wrote no whole sentence"


def test_a_small_window_is_not_overrun() -> None:
    llm = Echo(window=300, seen=[])
    GenerativeSummariser(llm, extractive=OWN).summarise(
        [SummaryJob([f"{TEXT} And {i}." for i in range(40)], max_tokens=50)]
    )
    assert 100 < count(llm.seen[0]) < 220


class Dead:
    """An endpoint that is not there."""

    def __init__(self, error: Exception, after: int = 0) -> None:
        self.error, self.after, self.calls = error, after, 0
        self._lock = threading.Lock()

    def complete(self, prompt: str) -> SimpleNamespace:
        with self._lock:
            self.calls += 1
            number = self.calls
        time.sleep(0.005)
        if number > self.after:
            raise self.error
        return SimpleNamespace(text="It has a pool.")


def test_a_dead_llm_is_a_clear_error_and_no_loss_and_the_rest_is_not_asked() -> None:
    llm = Dead(ConnectionError("refused"), after=3)
    with pytest.raises(
        SummariserFailed, match="Dead failed to summarise: ConnectionError: refused"
    ) as caught:
        GenerativeSummariser(llm, workers=2).summarise([SummaryJob([TEXT])] * 500)
    assert isinstance(caught.value, TersusError)
    assert caught.value.code == "summariser_failed"
    assert caught.value.hint
    assert llm.calls < 400


def test_an_error_of_ours_keeps_its_own_code() -> None:
    with pytest.raises(NotInstalled, match="gone"):
        GenerativeSummariser(Dead(NotInstalled("gone"))).summarise([SummaryJob([TEXT])])


@pytest.mark.parametrize("answer", [None, "a text", SimpleNamespace(text=None), SimpleNamespace(text=b"x")])
def test_an_answer_without_text_is_an_error(answer: object) -> None:
    llm = SimpleNamespace(complete=lambda prompt: answer)
    with pytest.raises(SummariserFailed, match="without a text"):
        GenerativeSummariser(llm).summarise([SummaryJob([TEXT])])


def test_what_is_no_language_model_is_refused() -> None:
    for wrong in (7, None, object()):
        with pytest.raises(InvalidInput, match="no method complete"):
            GenerativeSummariser(wrong)
    with pytest.raises(InvalidInput, match="workers"):
        GenerativeSummariser(Echo(), workers=0)
    with pytest.raises(InvalidInput, match="where the text goes"):
        GenerativeSummariser(Echo(), prompt="Say something")


def test_summaries_come_in_order_however_many_workers_there_are() -> None:
    texts = [f"Guest {i} was kind. {TEXT}" for i in range(30)]
    found = GenerativeSummariser(Echo(seen=[]), workers=8).summarise([SummaryJob([t]) for t in texts])
    assert [s.text for s in found] == [f"Guest {i} was kind." for i in range(30)]


def test_a_local_model_answers_as_it_decodes_greedily_and_the_same_from_eight_threads() -> None:
    summariser = GenerativeSummariser(str(tiny.folder()), device="cpu", extractive=OWN)
    jobs = [SummaryJob([f"{TEXT} Number {i}."], max_tokens=14 + i) for i in range(8)]
    batch = summariser.summarise(jobs)
    assert all(s.fallback and s.sentences and s.tokens_used > 50 for s in batch)
    with ThreadPoolExecutor(8) as pool:
        assert [s[0] for s in pool.map(lambda job: summariser.summarise([job]), jobs)] == batch


def test_a_local_models_window_is_not_overrun() -> None:
    summariser = GenerativeSummariser(str(tiny.folder()), device="cpu", extractive=OWN)
    job = SummaryJob([f"{TEXT} And {i}." for i in range(40)], max_tokens=30)
    prompt = summariser._prompt(job, 30)
    causal = load_causal(tiny.folder(), "cpu")
    assert 300 < len(causal.encode_chat([{"role": "user", "content": prompt}])) < causal.context_window - 30
    assert count(summariser.summarise([job])[0].text) <= 30


@pytest.mark.model
def test_the_local_language_model_summarises_faithfully_or_says_why_not() -> None:
    try:
        load_causal("smollm2").folder  # noqa: B018
    except ModelMissing as missing:
        pytest.skip(f"SmolLM2 is not installed: {missing.hint}")
    [summary] = GenerativeSummariser().summarise([SummaryJob([TEXT], max_tokens=24)])
    assert count(summary.text) <= 24
    assert summary.text
    assert summary.tokens_used > 80
    assert "Astoria" in summary.text or "staff" in summary.text
