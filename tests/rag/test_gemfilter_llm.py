"""GemFilterLLM: the second pass reads what a plain computation of the first selects, and nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from tersus.compressors.models.causal import load_causal
from tersus.compressors.models.generate import PromptTooLong
from tersus.errors import InvalidInput
from tersus.rag.gemfilter_llm import GemFilterLLM
from tersus.rag.local_llm import LocalLLM
from tersus.rag.prompt import prompt_messages

from tests.compressors.gemfilter import plain, tiny

CONTEXT = "Gulls nest on the roof. The code is 48213. Rye bread needs sourdough. " * 3
BEFORE, AFTER = "Read this.\n<passages>\n", "\n</passages>\n\nQuestion: what is the code?"
KEEP, LAYER, KERNEL = 24, 2, 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("gemfilter-llm"))


def make(folder: Path, **options: Any) -> GemFilterLLM:
    given: dict[str, Any] = {"keep": KEEP, "layer": LAYER, "kernel": KERNEL, "max_new_tokens": 8, **options}
    return GemFilterLLM(model=str(folder), device="cpu", **given)


def expected(folder: Path, ids: list[int], first: int, after: int) -> list[int]:
    """Algorithm 1 of the paper by hand, the context's tokens alone competing."""
    values = plain.pooled(plain.scores(load_causal(folder, "cpu").model, ids, LAYER), KERNEL)
    kept = plain.best(values[first:after], KEEP)
    return ids[:first] + [ids[first + at] for at in kept] + ids[after:]


def test_what_is_selected_is_what_the_full_models_queries_and_keys_say(folder: Path) -> None:
    causal = load_causal(folder, "cpu")
    ids = causal.encode(BEFORE + CONTEXT + AFTER)
    first, after = len(causal.encode(BEFORE)), len(ids) - len(causal.encode(AFTER))
    assert causal.encode(BEFORE) + causal.encode(CONTEXT) + causal.encode(AFTER) == ids
    chosen = make(folder).select(ids)
    assert chosen == expected(folder, ids, first, after)
    assert len(chosen) == len(ids) - (after - first) + KEEP


def test_the_answer_is_the_models_own_to_the_selected_tokens(folder: Path) -> None:
    causal = load_causal(folder, "cpu")
    llm = make(folder, repetition_penalty=1.0)
    prompt = BEFORE + CONTEXT + AFTER
    answer = llm.complete(prompt, formatted=True)
    chosen = torch.tensor([llm.select(causal.encode(prompt))])
    with torch.inference_mode():
        for _ in range(8):
            following = causal.model(input_ids=chosen).logits[0, -1].argmax()
            if int(following) in causal.stop_ids:
                break
            chosen = torch.cat([chosen, following.view(1, 1)], dim=1)
    plain_text = causal.tokenizer.decode(
        chosen[0, len(llm.select(causal.encode(prompt))) :], skip_special_tokens=True
    )
    assert answer.text.strip() == plain_text.strip()
    told = answer.raw["gemfilter"]
    assert told == {
        "given": len(causal.encode(prompt)),
        "kept": len(llm.select(causal.encode(prompt))),
        "layer": 2,
    }
    assert answer.raw["usage"]["prompt_tokens"] == told["given"]


def test_a_context_that_fits_is_answered_as_by_the_local_model(folder: Path) -> None:
    prompt = BEFORE + "The code is 48213." + AFTER
    ours = make(folder, keep=1000).complete(prompt, formatted=True)
    theirs = LocalLLM(model=str(folder), device="cpu", max_new_tokens=8).complete(prompt, formatted=True)
    assert ours.text == theirs.text
    assert ours.raw["gemfilter"]["layer"] is None
    assert ours.raw["gemfilter"]["given"] == ours.raw["gemfilter"]["kept"]


def test_instructions_and_question_stay_in_a_conversation(folder: Path) -> None:
    llm = make(folder, keep=4)
    causal = llm.causal
    messages = prompt_messages("what is the code?", CONTEXT)
    text = "\n".join(str(m.content) for m in messages)
    left = causal.tokenizer.decode(llm.select(causal.encode(text)))
    assert "You answer questions from the passages given" in left
    assert "Question: what is the code?" in left
    assert "sourdough. Gulls" not in left
    assert llm.chat(messages).message.content is not None


def test_without_marks_the_ends_stay(folder: Path) -> None:
    llm = make(folder, edge=5)
    ids = llm.causal.encode(CONTEXT)
    chosen = llm.select(ids)
    assert chosen[:5] == ids[:5]
    assert chosen[-5:] == ids[-5:]
    assert len(chosen) == 10 + KEEP


def test_a_prompt_beyond_the_window_is_refused_though_what_is_kept_would_fit(folder: Path) -> None:
    with pytest.raises(PromptTooLong, match="reads at most 512"):
        make(folder).complete(BEFORE + CONTEXT * 12 + AFTER, formatted=True)


def test_a_layer_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="no layer 9"):
        make(folder, layer=9).complete(BEFORE + CONTEXT + AFTER, formatted=True)


def test_eight_threads_get_what_one_gets_while_the_plain_model_answers_beside_them(folder: Path) -> None:
    prompt = BEFORE + CONTEXT + AFTER
    both = (make(folder), LocalLLM(model=str(folder), device="cpu", max_new_tokens=8))
    wanted = [llm.complete(prompt, formatted=True).text for llm in both]
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(both[n % 2].complete, prompt, formatted=True) for n in range(16)]
    assert [job.result().text for job in jobs] == wanted * 8
