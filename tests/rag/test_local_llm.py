"""The local language model as LlamaIndex sees it; on a tiny random model, and for sense on the real one."""

import asyncio
import inspect
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.llms import ChatMessage, MessageRole
from tersus.compressors.models.causal import load_causal
from tersus.compressors.models.generate import PromptTooLong
from tersus.compressors.models.store import ModelMissing, find_model
from tersus.errors import InvalidInput
from tersus.rag.local_llm import LocalLLM
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

WINDOW = 128
TEMPLATE = (
    "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}<end>{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
MESSAGES = [ChatMessage(role="system", content="Be brief."), ChatMessage(role="user", content="Größe?")]


def write_model(folder: Path, template: str | None) -> None:
    """A random Llama over bytes: what it says is noise, but always the same noise."""
    vocabulary = ["<end>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    backend = Tokenizer(models.BPE({token: i for i, token in enumerate(vocabulary)}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    marks = dict.fromkeys(("eos_token", "pad_token"), "<end>")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, **marks)  # type: ignore[no-untyped-call]
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=WINDOW,
        initializer_range=0.5,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chat")
    write_model(folder, TEMPLATE)
    return folder


@pytest.fixture
def llm(folder: Path) -> LocalLLM:
    return LocalLLM(model=str(folder), device="cpu", max_new_tokens=24, repetition_penalty=1.0)


def greedy(llm: LocalLLM, prompt: str, tokens: int = 24) -> tuple[str, dict[str, int]]:
    """The answer to a prompt as it stands, by transformers' own generation, and its usage."""
    tokenizer = llm.causal.tokenizer
    ids = tokenizer(prompt, return_tensors="pt")
    with torch.inference_mode():
        out = llm.causal.model.generate(**ids, max_new_tokens=tokens, do_sample=False)[0]
    length = ids["input_ids"].shape[1]
    said = len(out) - length
    usage = {"prompt_tokens": length, "completion_tokens": said, "total_tokens": length + said}
    return tokenizer.decode(out[length:], skip_special_tokens=True), usage


def test_a_formatted_prompt_is_answered_as_it_stands(llm: LocalLLM) -> None:
    text, usage = greedy(llm, "Once upon")
    response = llm.complete("Once upon", formatted=True)
    assert response.text == text
    assert response.raw["usage"] == usage
    assert response.raw["model"] == llm.model


def test_any_other_prompt_is_the_users_turn_of_a_chat(llm: LocalLLM) -> None:
    text, usage = greedy(llm, "[user]Once upon<end>[assistant]")
    response = llm.complete("Once upon")
    assert (response.text, response.raw["usage"]) == (text, usage)
    assert llm.complete("Once upon").text != llm.complete("Once upon", formatted=True).text


def test_a_chat_uses_the_template_of_the_model(llm: LocalLLM) -> None:
    text, usage = greedy(llm, "[system]Be brief.<end>[user]Größe?<end>[assistant]")
    response = llm.chat(MESSAGES)
    assert response.message.role == MessageRole.ASSISTANT
    assert (response.message.content, response.raw["usage"]) == (text, usage)


def test_a_model_without_a_template_gets_the_conversation_as_plain_text(tmp_path: Path) -> None:
    write_model(tmp_path, None)
    plain = LocalLLM(model=str(tmp_path), device="cpu", max_new_tokens=8, repetition_penalty=1.0)
    assert not plain.metadata.is_chat_model
    text, _ = greedy(plain, "system: Be brief.\nuser: Größe?\nassistant: ", 8)
    assert plain.chat(MESSAGES).message.content == text
    assert plain.complete("Once").text == greedy(plain, "Once", 8)[0]


def test_a_stream_gives_the_same_answer_piece_by_piece(llm: LocalLLM) -> None:
    whole = llm.chat(MESSAGES)
    chunks = list(llm.stream_chat(MESSAGES))
    assert len(chunks) > 3
    assert "".join(chunk.delta or "" for chunk in chunks) == whole.message.content
    assert chunks[-1].message.content == whole.message.content
    assert chunks[-1].raw == whole.raw
    assert chunks[0].raw["usage"]["completion_tokens"] < whole.raw["usage"]["completion_tokens"]
    texts = list(llm.stream_complete("Once upon"))
    assert "".join(chunk.delta or "" for chunk in texts) == llm.complete("Once upon").text


def test_a_stream_that_is_dropped_stops_the_model(llm: LocalLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    model = llm.causal.model
    calls: list[int] = []
    forward = model.forward

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        return forward(*args, **kwargs)

    counted.__signature__ = inspect.signature(forward)  # type: ignore[attr-defined]
    monkeypatch.setattr(model, "forward", counted)
    stream = llm.stream_complete("Once upon", formatted=True)
    next(stream)
    done = len(calls)
    assert done < 24
    assert llm.complete("Other", formatted=True, max_tokens=1).text is not None  # the lock is free
    stream.close()
    assert len(calls) == done + 1


async def test_the_async_ways_give_the_same_and_leave_the_event_loop_free(
    llm: LocalLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = llm.chat(MESSAGES).message.content, llm.complete("Once").text
    threads: set[int] = set()
    forward = llm.causal.model.forward

    def watched(*args: Any, **kwargs: Any) -> Any:
        threads.add(threading.get_ident())
        return forward(*args, **kwargs)

    monkeypatch.setattr(llm.causal.model, "forward", watched)
    chat, text = await asyncio.gather(llm.achat(MESSAGES), llm.acomplete("Once"))
    assert (chat.message.content, text.text) == expected
    chats = [chunk async for chunk in await llm.astream_chat(MESSAGES)]
    texts = [chunk async for chunk in await llm.astream_complete("Once")]
    assert ("".join(c.delta or "" for c in chats), "".join(t.delta or "" for t in texts)) == expected
    assert threads
    assert threading.get_ident() not in threads


def test_many_threads_share_one_model_and_get_their_own_answers(folder: Path) -> None:
    prompts = [f"prompt {i}" for i in range(6)]
    make = [LocalLLM(model=str(folder), device="cpu", max_new_tokens=12) for _ in prompts]
    assert all(one.causal is make[0].causal for one in make)
    alone = [one.complete(prompt).text for one, prompt in zip(make, prompts, strict=True)]
    together: dict[int, str] = {}

    def work(i: int) -> None:
        together[i] = make[i].complete(prompts[i]).text

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(prompts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[i] for i in range(len(prompts))] == alone


def test_limits_can_be_set_for_one_call(llm: LocalLLM) -> None:
    response = llm.complete("Once upon", formatted=True, max_tokens=5)
    assert response.text == greedy(llm, "Once upon", 5)[0]
    assert response.raw["choices"][0]["finish_reason"] == "length"
    assert llm.chat(MESSAGES, max_new_tokens=3).raw["usage"]["completion_tokens"] == 3
    with pytest.raises(InvalidInput):
        llm.complete("Once upon", max_tokens=-1)


def test_a_prompt_that_does_not_fit_is_refused_with_both_numbers(llm: LocalLLM) -> None:
    with pytest.raises(PromptTooLong, match=rf"has 300 tokens.*at most {WINDOW}") as caught:
        llm.complete("x" * 300, formatted=True)
    assert caught.value.code == "prompt_too_long"
    with pytest.raises(PromptTooLong):
        llm.stream_chat([ChatMessage(content="x" * 300)])


async def test_what_is_wrong_with_an_async_stream_is_told_before_its_first_piece(llm: LocalLLM) -> None:
    with pytest.raises(PromptTooLong):
        await llm.astream_complete("x" * 300)
    with pytest.raises(InvalidInput, match="at least one message"):
        await llm.achat([])


def test_the_metadata_tells_window_and_name_without_the_weights(folder: Path, tmp_path: Path) -> None:
    write_model(tmp_path, TEMPLATE)
    fresh = LocalLLM(model=str(tmp_path), device="cpu", max_new_tokens=9)
    data = fresh.metadata
    assert (data.context_window, data.num_output, data.model_name) == (WINDOW, 9, str(tmp_path))
    assert data.is_chat_model
    assert fresh.count_tokens("Größe 12") == len("Größe 12".encode())
    assert fresh.causal._model is None


def test_llama_index_counts_the_tokens_that_the_model_reports(llm: LocalLLM) -> None:
    counter = TokenCountingHandler()
    watched = llm.model_copy(update={"callback_manager": CallbackManager([counter])})
    usage = watched.chat(MESSAGES).raw["usage"]
    assert counter.prompt_llm_token_count == usage["prompt_tokens"]
    assert counter.completion_llm_token_count == usage["completion_tokens"]


def test_a_model_that_is_not_installed_is_named_at_first_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERSUS_MODELS_DIR", str(tmp_path))
    llm = LocalLLM()
    with pytest.raises(ModelMissing, match="tersus models install"):
        llm.complete("Hello")


@pytest.mark.model
def test_smollm2_answers_from_its_context() -> None:
    try:
        find_model("smollm2")
    except ModelMissing as missing:
        pytest.skip(f"SmolLM2 is not installed: {missing.hint}")
    llm = LocalLLM(device="cpu", max_new_tokens=40)
    assert llm.metadata.context_window == 8192
    context = "The lighthouse of Norrvik was built in 1887 by the engineer Astrid Holm."
    question = f"Context: {context}\n\nQuestion: Who built the lighthouse of Norrvik?"
    response = llm.chat([ChatMessage(role="user", content=question)])
    assert "Astrid Holm" in (response.message.content or "")
    usage = response.raw["usage"]
    assert usage["prompt_tokens"] > llm.count_tokens(question)
    assert llm.causal is load_causal("smollm2", "cpu")
