from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from tersus.compressors import Budget, Passage
from tersus.errors import InvalidInput, NotInstalled
from tersus.eval.peers import LLMLinguaCompressor, LongLLMLinguaCompressor, llmlingua
from tersus.eval.peers.llmlingua_worker import as_transformers_4

# Stands in for the worker: keeps the first words, and says what it was asked for.
FIRST = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    words = " ".join(asked["passages"]).split()
    said = " ".join([str(asked["long"]), asked["question"], *words[: round(asked["rate"] * len(words))]])
    print(json.dumps({"value": said}), flush=True)
"""
NAMED = os.environ.get(llmlingua.PYTHON)  # before tests lose their environment
PASSAGES = [
    Passage(text=" "),
    Passage(text="Paris is the capital of France, and lies on the Seine.", title="Paris"),
    Passage(text="Lyon lies on the Rhone, and is no capital at all."),
]


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "first.py"
    script.write_text(FIRST)
    monkeypatch.setattr(llmlingua, "_WORKER", script)
    monkeypatch.setattr(llmlingua, "model_folder", lambda name: tmp_path / name)


@pytest.mark.usefixtures("worker")
def test_one_text_in_the_place_of_the_first_passage_names_all_that_have_words() -> None:
    compressor = LongLLMLinguaCompressor(python=sys.executable)
    result = compressor.compress("Which capital?", PASSAGES, Budget(ratio=0.5))
    assert [p.text for p in result.passages] == [
        "", "True Which capital? Paris Paris is the capital of France, and lies on the Seine.", "",
    ]  # fmt: skip
    assert result.passages[1].sentences[0].passages == (1, 2)
    assert result.passages[1].kept is None


@pytest.mark.usefixtures("worker")
def test_llmlingua_is_not_told_that_the_question_matters() -> None:
    result = LLMLinguaCompressor(python=sys.executable).compress("", PASSAGES, Budget(ratio=0.1))
    assert result.passages[1].text.startswith("False")


@pytest.mark.usefixtures("worker")
def test_blank_passages_are_not_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    compressor = LongLLMLinguaCompressor(python=sys.executable)
    monkeypatch.delattr(compressor, "_process")
    result = compressor.compress("Which capital?", [Passage(text=" ", title="Paris")], Budget(ratio=0.5))
    assert result.text == ""


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("budget", [Budget(), Budget(max_tokens=10)])
def test_only_a_ratio_says_anything_to_it(budget: Budget) -> None:
    with pytest.raises(InvalidInput, match="ratio"):
        LLMLinguaCompressor(python=sys.executable).compress("Q?", PASSAGES, budget)


def test_without_an_environment_it_says_how_to_make_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(llmlingua.PYTHON, raising=False)
    with pytest.raises(NotInstalled) as caught:
        LLMLinguaCompressor()
    assert "make llmlingua" in str(caught.value.hint)


def test_transformers_4_is_told_everything_where_it_looks_for_it(tmp_path: Path) -> None:
    source, target = tmp_path / "5", tmp_path / "4"
    source.mkdir()
    target.mkdir()
    rope = {"rope_theta": 100000.0, "rope_type": "default"}
    (source / "config.json").write_text(json.dumps({"rope_parameters": rope, "dtype": "float32"}))
    (source / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "TokenizersBackend"}))
    (source / "model.safetensors").write_bytes(b"weights")
    merges = {"model": {"type": "BPE", "merges": [["a", "b"], ["ab", "c"]]}}
    (source / "tokenizer.json").write_text(json.dumps(merges))
    made = as_transformers_4(source, target)
    config = json.loads((made / "config.json").read_text())
    assert config == {"rope_theta": 100000.0, "rope_scaling": None, "torch_dtype": "float32"}
    tokenizer = json.loads((made / "tokenizer_config.json").read_text())
    assert tokenizer == {"tokenizer_class": "PreTrainedTokenizerFast"}
    whole = json.loads((made / "tokenizer.json").read_text())
    assert whole == {"model": {"type": "BPE", "merges": ["a b", "ab c"]}}
    assert (made / "model.safetensors").read_bytes() == b"weights"


@pytest.mark.model
@pytest.mark.skipif(NAMED is None, reason=f"{llmlingua.PYTHON} names no environment")
def test_the_real_one_keeps_what_the_question_asks_for() -> None:
    filler = "Rain fell on the hills for most of the week, and nobody in the village thought much of it. "
    passages = [Passage(text=filler * 6), *PASSAGES[1:], Passage(text=filler * 6)]
    result = LongLLMLinguaCompressor(python=NAMED).compress(
        "What is the capital of France?", passages, Budget(ratio=0.25)
    )
    assert result.tokens_after < 0.6 * result.tokens_before
    assert "Paris" in result.text
