"""``exit-llm`` as a compressor: what it keeps, what it refuses, and bad input."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from tersus.compressors import Budget, Passage, load_counter, render_context
from tersus.compressors.exit_llm import ExitLLMCompressor
from tersus.compressors.exit_llm.load import load_judge
from tersus.compressors.models.store import ModelMissing, ModelUnusable
from tersus.errors import InvalidInput, NotInstalled

from ..strategies import budgets, passages
from . import tiny

TEXT = "The tower was built in 1887. It is white. Gulls nest on it. Who lives there is not known."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("tiny"), window=700)


@pytest.fixture(scope="module")
def compressor(folder: Path) -> ExitLLMCompressor:
    return ExitLLMCompressor(folder, device="cpu")


def scores(compressor: ExitLLMCompressor, *given: Passage, query: str = "Who built it?") -> list[float]:
    return [span.score for spans in compressor.score(query, list(given)) for span in spans]


def test_the_adaptive_budget_keeps_what_the_model_says_yes_to(folder: Path) -> None:
    whole = ExitLLMCompressor(folder, device="cpu", shared=False)
    found = whole.score("Who built it?", [Passage(text=TEXT)])[0]
    middle = sorted(span.score for span in found)[1:3]
    threshold = sum(middle) / 2
    for shared in (True, False):
        compressor = ExitLLMCompressor(folder, device="cpu", threshold=threshold, shared=shared)
        result = compressor.compress("Who built it?", [Passage(text=TEXT)])
        kept = [(s.start, s.end) for s in result.passages[0].kept or []]
        assert kept == [(s.start, s.end) for s in found if s.score >= threshold]
        assert len(kept) == 2
    assert ExitLLMCompressor(folder).threshold == 0.5


def test_shared_prefixes_do_not_change_scores(folder: Path, compressor: ExitLLMCompressor) -> None:
    given = [Passage(text=TEXT * 9, title="Tower"), Passage(text="Cats purr. They sleep."), Passage(text="")]
    alone = ExitLLMCompressor(folder, device="cpu", shared=False)
    for batch_tokens in (None, 64):
        shared = ExitLLMCompressor(folder, device="cpu", batch_tokens=batch_tokens)
        assert scores(shared, *given) == pytest.approx(scores(alone, *given), abs=1e-4)


def test_a_sentence_is_judged_in_its_own_document_alone(compressor: ExitLLMCompressor) -> None:
    one, other = Passage(text=TEXT, title="Tower"), Passage(text="Cats purr. They sleep.", title="Cats")
    together = scores(compressor, one, other)
    apart = scores(compressor, one) + scores(compressor, other)
    assert together == pytest.approx(apart, abs=1e-5)
    retitled = scores(compressor, Passage(text=TEXT, title="Church"))
    assert max(abs(a - b) for a, b in zip(retitled, apart, strict=False)) > 1e-3
    elsewhere = scores(compressor, Passage(text="It rains. " + TEXT, title="Tower"))[1:]
    assert max(abs(a - b) for a, b in zip(elsewhere, apart, strict=False)) > 1e-3


@settings(max_examples=40)
@given(query=st.text(min_size=1).filter(str.strip), given_passages=passages, budget=budgets)
def test_the_contract_holds(
    compressor: ExitLLMCompressor, query: str, given_passages: list[Passage], budget: Budget
) -> None:
    result = compressor.compress(query, given_passages, budget)
    assert [p.source for p in result.passages] == given_passages
    assert result.text == render_context(result.passages)
    if budget.max_tokens is not None:
        assert load_counter()(result.text) <= budget.max_tokens
    if not result.text:
        assert result.reason


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "word",
        "   \n ",
        "🙂",
        "一",
        "これは文です。" * 300,
        "a" * 5000,
        "\ud800",
        "\x00",
        "1.5",
        "def f():\n    return 1",
    ],
)
@pytest.mark.parametrize("budget", [Budget(ratio=0.1), Budget(max_tokens=50), Budget()])
def test_odd_texts_are_answered_within_the_budget_or_with_a_reason(
    compressor: ExitLLMCompressor, text: str, budget: Budget
) -> None:
    result = compressor.compress("What is it?", [Passage(text=text)], budget)
    if budget.max_tokens is not None:
        assert result.tokens_after <= budget.max_tokens
    if budget.ratio is not None and abs(result.kept - budget.ratio) > 0.02:
        assert result.reason
    assert result.text or result.reason


def test_a_hundred_thousand_characters_many_passages_and_a_long_query(compressor: ExitLLMCompressor) -> None:
    lines = [f"Room {i} holds {i * 7} books and a clock that no longer goes." for i in range(1800)]
    long = Passage(text=" ".join(lines))
    assert len(long.text) > 100_000
    found = compressor.score("How many books? " * 200, [long])[0]
    assert [long.text[s.start : s.end] for s in found] == lines
    assert all(0 <= s.score <= 1 for s in found)
    many = [Passage(text=f"Passage {i} is about topic {i % 17}.", title=f"T{i}") for i in range(200)]
    assert [len(spans) for spans in compressor.score("What about topic 7?", many)] == [1] * 200


def test_nothing_to_judge_needs_no_model() -> None:
    result = ExitLLMCompressor("/no/such/folder").compress("Who?", [Passage(text=""), Passage(text="")])
    assert (result.text, result.reason) == ("", "all passages are empty")


def test_batches_and_threads_give_what_single_calls_give(compressor: ExitLLMCompressor) -> None:
    jobs = [
        (f"Who wrote book {i}?", [Passage(text=f"Author {i} wrote it. It rained. " * 3)]) for i in range(12)
    ]
    alone = [compressor.compress(q, p, Budget(ratio=0.4)).text for q, p in jobs]
    batch = compressor.compress_batch([q for q, _ in jobs], [p for _, p in jobs], Budget(ratio=0.4))
    assert [result.text for result in batch] == alone
    with ThreadPoolExecutor(4) as pool:
        assert (
            list(pool.map(lambda j: compressor.compress(j[0], j[1], Budget(ratio=0.4)).text, jobs)) == alone
        )


@pytest.mark.parametrize(
    "options",
    [{"threshold": 1.5}, {"threshold": "high"}, {"window": 0}, {"window": 2.5}, {"batch_tokens": True}],
)
def test_settings_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        ExitLLMCompressor(**options)


def test_models_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    given = [Passage(text="One. Two.")]
    with pytest.raises(ModelMissing, match="no model folder"):
        ExitLLMCompressor("/no/such/folder").compress("Who?", given)
    with pytest.raises(ModelUnusable, match="no single token for 'Yes'"):
        ExitLLMCompressor(tiny.save(tmp_path, answers=("No",))).compress("Who?", given)


def test_the_fingerprint_names_model_adapter_and_window(folder: Path, tmp_path: Path) -> None:
    plain = ExitLLMCompressor(folder)
    assert plain.fingerprint.startswith(f"exit-llm:{folder.name}-")
    assert plain.fingerprint == ExitLLMCompressor(folder, threshold=0.1, shared=False).fingerprint
    adapter = write_adapter(tmp_path)
    adapted = ExitLLMCompressor(folder, adapter=adapter).fingerprint
    (adapter / "adapter_config.json").write_text(json.dumps({"r": 2, "lora_alpha": 9}))
    other = ExitLLMCompressor(folder, adapter=adapter).fingerprint
    assert len({plain.fingerprint, adapted, other, ExitLLMCompressor(folder, window=300).fingerprint}) == 4


def write_adapter(folder: Path) -> Path:
    """A low-rank change of the first layer's feed-forward, as PEFT stores it."""
    torch.manual_seed(5)
    name = "base_model.model.model.layers.0.mlp.down_proj"
    tensors = {f"{name}.lora_A.weight": torch.randn(2, 64), f"{name}.lora_B.weight": torch.randn(32, 2)}
    save_file(tensors, folder / "adapter_model.safetensors")
    settings = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": 2,
        "lora_alpha": 4,
        "target_modules": ["down_proj"],
        "layers_to_transform": [0],
    }
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    return folder


def test_an_adapter_without_peft_is_refused_with_the_command_that_brings_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(NotInstalled, match="adapters") as caught:
        ExitLLMCompressor(folder, adapter=write_adapter(tmp_path)).compress(
            "Who?", [Passage(text="One. Two.")]
        )
    assert caught.value.code == "not_installed"


class StandIn:
    """PEFT's loading and merging of one low-rank change, by its definition: W + (alpha / r) B A."""

    @staticmethod
    def from_pretrained(model: Any, folder: str) -> SimpleNamespace:
        settings = json.loads((Path(folder) / "adapter_config.json").read_text())
        tensors = load_file(Path(folder) / "adapter_model.safetensors")
        if settings.get("peft_type") != "LORA":
            raise ValueError("Can't find a LORA\nand more")

        def merge() -> Any:
            low, high = (next(v for k, v in tensors.items() if part in k) for part in ("lora_A", "lora_B"))
            with torch.no_grad():
                model.model.layers[0].mlp.down_proj.weight += (
                    settings["lora_alpha"] / settings["r"] * high @ low
                )
            return model

        return SimpleNamespace(merge_and_unload=merge)


def use_peft(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package where it is installed, else the stand-in."""
    try:
        import peft  # type: ignore[import-not-found,unused-ignore]  # noqa: F401
    except ImportError:
        module = ModuleType("peft")
        module.__dict__["PeftModel"] = StandIn
        monkeypatch.setitem(sys.modules, "peft", module)


def test_an_adapter_changes_its_own_copy_of_the_model(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compressor: ExitLLMCompressor
) -> None:
    use_peft(monkeypatch)
    before = scores(compressor, Passage(text=TEXT))
    adapter = write_adapter(tmp_path)
    shared, alone = (
        scores(ExitLLMCompressor(folder, adapter=adapter, device="cpu", shared=s), Passage(text=TEXT))
        for s in (True, False)
    )
    assert shared == pytest.approx(alone, abs=1e-4)
    assert max(abs(a - b) for a, b in zip(shared, before, strict=True)) > 1e-3
    assert scores(compressor, Passage(text=TEXT)) == before
    # The same by hand, on the model's own file.
    merged = tmp_path / "merged"
    tiny.save(merged, window=700)
    weights = load_file(merged / "model.safetensors")
    tensors = load_file(adapter / "adapter_model.safetensors")
    high, low = (next(v for k, v in tensors.items() if part in k) for part in ("lora_B", "lora_A"))
    weights["model.layers.0.mlp.down_proj.weight"] += 2 * high @ low
    save_file(weights, merged / "model.safetensors", metadata={"format": "pt"})
    expected = scores(ExitLLMCompressor(merged, device="cpu"), Passage(text=TEXT))
    assert alone == pytest.approx(expected, abs=1e-4)
    assert load_judge(str(folder), str(adapter), "cpu") is load_judge(str(folder), str(adapter), "cpu")


def test_a_folder_that_holds_no_adapter_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_peft(monkeypatch)
    empty = tmp_path / "empty"
    empty.mkdir()
    given = [Passage(text="One. Two.")]
    with pytest.raises(ModelUnusable, match=r"no adapter_config\.json"):
        ExitLLMCompressor(folder, adapter=empty).compress("Who?", given)
    with pytest.raises(ModelUnusable, match=r"no adapter_config\.json"):
        _ = ExitLLMCompressor(folder, adapter=empty).fingerprint
    adapter = write_adapter(tmp_path)
    (adapter / "adapter_config.json").write_text(json.dumps({"peft_type": "NOTHING"}))
    with pytest.raises(ModelUnusable, match="cannot be used as an adapter"):
        ExitLLMCompressor(folder, adapter=adapter).compress("Who?", given)
