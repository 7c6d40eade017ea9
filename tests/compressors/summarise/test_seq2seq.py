"""Sequence-to-sequence summarisers write what the model itself would, one text at a time, without padding."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from tersus.compressors import load_counter
from tersus.compressors.models.store import ModelMissing, ModelUnusable
from tersus.compressors.summarise import Seq2SeqSummariser, SummaryJob
from tersus.errors import InvalidInput
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from tests.compressors.exit_llm import tiny as tiny_causal

from .tiny_seq2seq import WINDOW, Family, folder

PROMPTS = [
    "The hotel staff was kind.",
    "",
    "x",
    "Breakfast is served until ten to all guests, and all guests come. 🙂 表題 \ufffd",
    *(f"Guest {i} was {'very ' * i}kind." for i in range(9)),
]


def plain(family: Family, prompt: str, cap: int, least: int) -> tuple[list[int], bool]:
    """Greedy decoding by hand: the whole model again for every token; tokens said, and whether it ended."""
    model: Any = AutoModelForSeq2SeqLM.from_pretrained(folder(family)).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder(family))
    ids = torch.tensor([tokenizer(prompt)["input_ids"]])
    said = [int(model.config.decoder_start_token_id)]
    with torch.inference_mode():
        while len(said) < cap + 1:
            logits = model(input_ids=ids, decoder_input_ids=torch.tensor([said])).logits[0, -1]
            if len(said) < least:
                logits[1] = -torch.inf
            token = int(logits.argmax())
            if token == 1:
                return said[1:], True
            said.append(token)
    return said[1:], False


@pytest.mark.parametrize("family", ["t5", "bart"])
def test_greedy_answers_are_those_of_a_plain_loop(family: Family) -> None:
    summariser = Seq2SeqSummariser(folder(family), beams=1, device="cpu")
    tokenizer = AutoTokenizer.from_pretrained(folder(family))
    written = summariser.writer.write(PROMPTS, [12] * len(PROMPTS))
    prefix = "summarize: " if family == "t5" else ""
    ended = 0
    for prompt, answer in zip(PROMPTS, written, strict=True):
        said, ends = plain(family, prefix + prompt, 32, 9 if family == "bart" else 0)
        assert answer.text == tokenizer.decode(said, skip_special_tokens=True)
        assert answer.cut is not ends
        assert answer.tokens == len(tokenizer(prefix + prompt)["input_ids"]) + len(said)
        ended += ends
    assert family == "t5" or 0 < ended < len(PROMPTS)


@pytest.mark.parametrize("beams", [1, 3])
def test_a_batch_gives_what_single_calls_give_from_eight_threads_at_once(beams: int) -> None:
    writer = Seq2SeqSummariser(folder("bart"), beams=beams, device="cpu").writer
    limits = [5 + 7 * i for i in range(len(PROMPTS))]
    batch = writer.write(PROMPTS, limits)
    with ThreadPoolExecutor(8) as pool:
        alone = pool.map(
            lambda pair: writer.write([pair[0]], [pair[1]])[0], zip(PROMPTS, limits, strict=True)
        )
        assert list(alone) == batch


def test_what_a_random_model_writes_is_replaced_and_said_so() -> None:
    summariser = Seq2SeqSummariser(folder("t5"), device="cpu")
    text = "The hotel staff was kind. Breakfast is served until ten. All guests were pleased, too."
    jobs = [SummaryJob([text], max_tokens=12), SummaryJob([""]), SummaryJob(["kind"])]
    found = summariser.summarise(jobs)
    assert found[0].fallback
    assert found[0].tokens_used > 20
    assert found[0].sentences[0].text in text
    assert load_counter()(found[0].text) <= 12
    assert (found[1].sentences, found[1].fallback) == ((), None)
    assert found[2].text == "kind"


def test_a_text_longer_than_the_window_is_reduced_to_it() -> None:
    summariser = Seq2SeqSummariser(folder("bart"), device="cpu")
    job = SummaryJob([" ".join(f"The guest in room {i} was kind." for i in range(60))])
    prompt = summariser._prompt(job, 20)
    assert WINDOW // 2 < summariser.writer.count(prompt) <= WINDOW - 2
    assert summariser.summarise([job])[0].text


def test_a_prompt_of_the_users_own_takes_the_place_of_the_prefix() -> None:
    job = SummaryJob(["Guests."], "Who?")
    assert (
        Seq2SeqSummariser(folder("t5"), prompt="{query} in {words}: {text}")._prompt(job, 10)
        == "Who? in 7: Guests."
    )
    own, default = (Seq2SeqSummariser(folder("t5"), prompt=p) for p in ("TL: {text}", None))
    assert own.writer.room(5) > default.writer.room(5)
    assert own.fingerprint != default.fingerprint


def test_what_is_no_such_model_is_refused() -> None:
    with pytest.raises(InvalidInput, match="beams"):
        Seq2SeqSummariser("x", beams=0)
    job = SummaryJob(["Some text. And more."])
    with pytest.raises(ModelMissing):
        Seq2SeqSummariser("./no/such/folder").summarise([job])
    with pytest.raises(ModelUnusable):
        Seq2SeqSummariser(tiny_causal.folder()).summarise([job])
