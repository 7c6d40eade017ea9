"""What does not fit one prompt is read in several: nothing twice, nothing left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from tersus.compressors import Budget, Passage
from tersus.compressors.gemfilter import GemFilterCompressor
from tersus.compressors.gemfilter.prompt import INSTRUCTION, Writer
from tersus.compressors.gemfilter.windows import prompts_for
from tersus.compressors.models.causal import CausalModel
from tersus.compressors.models.store import ModelUnusable

from . import tiny

LONG = Passage(text="The tower was built in 1887. It is white. " * 60, title="Tower")
CODE = Passage(text="x" * 900)
PASSAGES = [Passage(text="Short one."), LONG, Passage(text=" "), Passage(text="Another. And more."), CODE]


@pytest.fixture(scope="module")
def causal(tmp_path_factory: pytest.TempPathFactory) -> CausalModel:
    return CausalModel(tiny.save(tmp_path_factory.mktemp("win"), window=4096), "cpu")


@pytest.mark.parametrize("window", [150, 200, 333, 700, 4096])
def test_every_character_stands_in_one_prompt_and_no_prompt_is_too_long(
    causal: CausalModel, window: int
) -> None:
    prompts = prompts_for(Writer(causal), "Who built it?", PASSAGES, window)
    seen: list[set[int]] = [set() for _ in PASSAGES]
    for prompt in prompts:
        assert len(prompt.ids) <= window
        text = causal.tokenizer.decode(prompt.ids)
        assert text.startswith(INSTRUCTION)
        assert text.endswith("Question: Who built it?\nAnswer:")
        for part in prompt.parts:
            covered = {at for start, end in part.offsets for at in range(start, end)}
            assert not covered & seen[part.passage]
            seen[part.passage] |= covered
            for token, (start, end) in zip(part.tokens, part.offsets, strict=True):
                read = causal.tokenizer.decode([prompt.ids[token]])
                assert read.strip() == PASSAGES[part.passage].text[start:end].strip()
    for passage, places in zip(PASSAGES, seen, strict=True):
        assert places >= {at for at, char in enumerate(passage.text) if not char.isspace()}
    assert (len(prompts) == 1) == (window == 4096)


def test_a_long_passage_is_cut_where_a_sentence_ends(causal: CausalModel) -> None:
    prompts = prompts_for(Writer(causal), "Who built it?", [LONG], 300)
    assert len(prompts) > 2
    for prompt in prompts:
        end = prompt.parts[0].offsets[-1][1]
        assert LONG.text[:end].rstrip().endswith(".")


def test_prompts_are_of_like_length(causal: CausalModel) -> None:
    passages = [Passage(text="The tower was built in 1887. It is white.")] * 12
    whole = len(prompts_for(Writer(causal), "Who?", passages, 4096)[0].ids)
    lengths = [len(p.ids) for p in prompts_for(Writer(causal), "Who?", passages, whole - 10)]
    assert len(lengths) == 2
    assert max(lengths) < 1.3 * min(lengths)


def test_a_long_question_is_cut_in_its_middle(causal: CausalModel) -> None:
    prompts = prompts_for(Writer(causal), "First " + "word " * 300 + "last?", [LONG], 400)
    text = causal.tokenizer.decode(prompts[0].ids)
    assert "Question: First" in text
    assert "last?" in text
    assert all(len(p.ids) <= 400 for p in prompts)


def test_a_window_that_holds_nothing_is_refused(causal: CausalModel) -> None:
    with pytest.raises(ModelUnusable, match="window of 60 tokens"):
        prompts_for(Writer(causal), "Who built it?", PASSAGES, 60)


def test_a_passage_longer_than_the_models_window_is_compressed(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path, window=256)
    for granularity in ("token", "word", "sentence"):
        compressor = GemFilterCompressor(folder, layer=1, device="cpu", granularity=granularity)
        result = compressor.compress("Who built it?", PASSAGES, Budget(ratio=0.3))
        assert result.kept == pytest.approx(0.3, abs=0.02)
