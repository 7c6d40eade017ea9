"""Sharing what prompts have in common changes nothing but the time, whatever the architecture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from tersus.compressors import Passage
from tersus.compressors.exit_llm.judge import Judge
from tersus.compressors.exit_llm.pack import Branch
from tersus.compressors.exit_llm.views import look
from tersus.compressors.models.causal import CausalModel, load_causal
from tersus.compressors.models.store import ModelMissing
from tersus.compressors.segment import split
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from . import tiny

TEXT = (
    "The tower was built in 1887. It is white. Gulls nest on it, and 2 people live there? The name is long! "
)
PASSAGES = [
    Passage(text=TEXT, title="Tower"),
    Passage(text=TEXT * 3),
    Passage(text="一つ。二つ。\ud800 🙂"),
    Passage(text="Only this. And that."),
    Passage(text="One."),
]


def branches(judge: Judge, passages: list[Passage] = PASSAGES, limit: int = 2048) -> list[Branch]:
    return [b for p in passages for b in look(judge.prompts, "Who built it?", p, split(p.text), limit)]


@contextmanager
def calls(judge: Judge) -> Iterator[list[tuple[torch.Size, torch.Size]]]:
    """Shapes of ids and logits of every forward pass."""
    made: list[tuple[torch.Size, torch.Size]] = []

    def note(module: Any, args: Any, given: dict[str, Any], output: Any) -> None:
        made.append((given["input_ids"].shape, output.logits.shape))

    hook = judge.network.register_forward_hook(note, with_kwargs=True)
    try:
        yield made
    finally:
        hook.remove()


@pytest.fixture(scope="module", params=tiny.FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp(request.param), request.param, words=request.param != "llama")


@pytest.fixture(scope="module")
def judge(folder: Path) -> Judge:
    return Judge(CausalModel(folder, "cpu"))


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return Judge(CausalModel(tiny.save(tmp_path_factory.mktemp("llama")), "cpu"))


def test_a_score_is_the_probability_of_yes_among_yes_and_no(judge: Judge, folder: Path) -> None:
    """Against transformers alone: every prompt whole, all logits, softmax over all words."""
    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    model.eval()
    yes, no = (judge.causal.tokenizer.convert_tokens_to_ids(word) for word in ("Yes", "No"))
    made = branches(judge)
    expected = []
    for ids in (ids for branch in made for ids in branch.prompts()):
        with torch.no_grad():
            chances = model(torch.tensor([ids])).logits[0, -1].double().softmax(0)
        expected.append(float(chances[yes] / (chances[yes] + chances[no])))
    assert judge.one_by_one(made) == pytest.approx(expected, abs=1e-5)
    assert max(expected) - min(expected) > 0.1  # the comparison can fail


@pytest.mark.parametrize("pack_tokens", [1, 40, 128, 700, None])
def test_shared_prefixes_give_what_whole_prompts_give(judge: Judge, pack_tokens: int | None) -> None:
    assert judge.shares
    made = branches(judge)
    alone, shared = judge.one_by_one(made), judge.together(made, pack_tokens)
    assert shared == pytest.approx(alone, abs=1e-4)
    assert [score >= 0.5 for score in shared] == [score >= 0.5 for score in alone]


def test_windows_of_a_long_passage_give_it_too(judge: Judge) -> None:
    made = branches(judge, [Passage(text=TEXT * 12, title="Tower"), Passage(text="One.")], 260)
    assert len(made) > 3
    assert judge.together(made, 128) == pytest.approx(judge.one_by_one(made), abs=1e-4)


def test_no_more_tokens_than_asked_for_run_at_once_and_only_last_places_get_logits(llama: Judge) -> None:
    made = branches(llama, [Passage(text=TEXT * 12, title="Tower"), *PASSAGES])
    sizes = [len(leaf) for branch in made for leaf in branch.leaves]
    assert llama.shares
    with calls(llama) as shapes:
        llama.together(made, 100)
    total = sum(len(branch.stem) for branch in made) + sum(sizes)
    assert sum(ids[1] for ids, _ in shapes) < total  # the trunk once
    assert max(sizes) < 100 < max(len(branch.stem) for branch in made)
    assert all(ids[0] == 1 and ids[1] <= 100 for ids, _ in shapes)
    assert all(logits[:2] == (1, logits[1]) and logits[1] <= len(made[0].leaves) for _, logits in shapes)
    with calls(llama) as shapes:
        llama.together(made, 10**6)
    assert len(shapes) == 2  # the trunk, and all the rest
    assert shapes[1][1][1] == len(sizes)


def test_a_prefix_is_not_changed_by_what_follows_it(llama: Judge) -> None:
    """The same sentences after others, twice and in another order, score alike."""
    made = branches(llama)
    first = llama.together(made, 64)
    again = llama.together(made[::-1], 64)
    parts = [list[float]() for _ in made]
    at = 0
    for branch, part in zip(made[::-1], parts, strict=True):
        part += again[at : at + len(branch.leaves)]
        at += len(branch.leaves)
    assert [score for part in parts[::-1] for score in part] == pytest.approx(first, abs=1e-6)


def test_a_model_that_cannot_share_is_asked_one_by_one_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    judge = Judge(CausalModel(tiny.save(tmp_path, "bloom"), "cpu"))
    assert not judge.shares
    assert "cannot share prefixes" in caplog.text
    made = branches(judge)
    assert judge.together(made) == judge.one_by_one(made)


def test_a_model_that_shares_wrongly_is_found_out(
    llama: Judge, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One that takes our masks and ignores them."""
    judge = Judge(llama.causal)
    real = Judge._packed

    def unmasked(self: Judge, *args: Any) -> dict[str, Any]:
        return {**real(self, *args), "attention_mask": None}

    monkeypatch.setattr(Judge, "_packed", unmasked)
    assert not judge.shares
    assert "differs by" in caplog.text


def test_half_precision_stays_near(llama: Judge) -> None:
    half = Judge(CausalModel(llama.causal.folder, "cpu", "bfloat16"))
    made = branches(half)
    assert half.shares
    assert half.together(made) == pytest.approx(llama.one_by_one(made), abs=0.1)


@pytest.mark.model
def test_smollm2_gives_the_same_with_shared_prefixes() -> None:
    try:
        judge = Judge(load_causal("smollm2", "cpu"))
    except ModelMissing as missing:
        pytest.skip(f"SmolLM2 is not installed: {missing.hint}")
    made = branches(judge)
    assert judge.shares
    alone, shared = judge.one_by_one(made), judge.together(made)
    assert shared == pytest.approx(alone, abs=1e-4)
    assert [score >= 0.5 for score in shared] == [score >= 0.5 for score in alone]
    assert len({round(score, 3) for score in alone}) > 5
