"""Each model's layer: the paper's, the measured one, one's own; and the middle where nobody measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tersus.compressors.gemfilter import GemFilterCompressor
from tersus.compressors.gemfilter.profiles import SHIPPED, Profile, own_profiles, profile_for, write_profile
from tersus.compressors.models.store import find_model
from tersus.errors import InvalidInput

from . import tiny


@pytest.fixture(autouse=True)
def _own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERSUS_MODELS_DIR", str(tmp_path / "models"))


@pytest.mark.parametrize(
    ("name", "layers", "layer", "kernel"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", 32, 13, 5),
        ("mistralai/Mistral-Nemo-Instruct-2407", 40, 19, 5),
        ("microsoft/Phi-3.5-mini-instruct", 32, 19, 5),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", 30, 21, 9),
    ],
)
def test_the_papers_layers_and_the_measured_one_are_shipped(
    name: str, layers: int, layer: int, kernel: int
) -> None:
    profile = profile_for(name, layers)
    assert (profile.layer, profile.layers, profile.kernel) == (layer, layers, kernel)
    assert "arXiv:2409.17422" in profile.source or "measured" in profile.source


def test_the_alias_of_the_local_model_means_the_same_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(own_profiles().parent) / "smollm2-135m-instruct"
    folder.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (folder / name).write_text("{}")
    (folder / "tersus-model.json").write_text(json.dumps({"weights_bytes": 2}))
    assert find_model("smollm2") == folder
    assert profile_for("smollm2", 30) == profile_for("HuggingFaceTB/SmolLM2-135M-Instruct", 30)


def test_a_model_of_another_depth_does_not_take_the_profile_of_its_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert profile_for("someone/llama-3.1-8b-cut-down", 20).layer == 10
    assert "tersus tune gemfilter" in caplog.text


def test_ones_own_profile_comes_before_the_shipped_one_and_is_written_over() -> None:
    path = write_profile(Profile("llama-3.1-8b", 32, 9, 1, 'mine "quoted" \\ é'))
    write_profile(Profile("other", 4, 1))
    assert path == own_profiles()
    assert profile_for("x/Llama-3.1-8B", 32) == Profile("llama-3.1-8b", 32, 9, 1, 'mine "quoted" \\ é')
    write_profile(Profile("llama-3.1-8b", 32, 10))
    assert profile_for("x/Llama-3.1-8B", 32).layer == 10
    assert profile_for("other", 4).layer == 1
    assert path.read_text().count("[[profile]]") == 2


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "a = 1",
        "[[profile]]\nmatch = 'a'\n",
        "[[profile]]\nmatch = 'a'\nlayers = 2\nlayer = 2\n",
        "[[profile]]\nmatch = 'a'\nlayers = 2\nlayer = 1\nkernel = 2\n",
        "[[profile]]\nmatch = 'a'\nlayers = '2'\nlayer = 1\n",
        "[[profile]]\nmatch = 'a'\nlayers = 2\nlayer = 1\ncolour = 3\n",
    ],
)
def test_a_damaged_file_is_named(text: str) -> None:
    own_profiles().parent.mkdir(parents=True)
    own_profiles().write_text(text)
    with pytest.raises(InvalidInput, match=r"gemfilter\.toml"):
        profile_for("anything", 2)


def test_the_compressor_takes_the_profile_and_settings_go_before_it(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "Tiny-Model")
    write_profile(Profile("tiny-model", tiny.LAYERS, 3, 9))
    used = GemFilterCompressor(folder, device="cpu").profile
    assert (used.layer, used.kernel) == (3, 9)
    used = GemFilterCompressor(folder, device="cpu", layer=1, kernel=3).profile
    assert (used.layer, used.kernel) == (1, 3)
    assert GemFilterCompressor(folder, device="cpu", kernel=1).profile.layer == 3


def test_the_shipped_file_holds_only_measured_or_published_layers() -> None:
    assert SHIPPED.read_text().count("source = ") == SHIPPED.read_text().count("[[profile]]") == 4
