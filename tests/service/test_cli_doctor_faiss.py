"""The doctor on FAISS: one wheel, two, none; cards, and the device that indexes use."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.indexes.gpu_fake import FakeFaiss
from tests.indexes.test_faiss_wheels import install, put


def lines(cli: Any) -> tuple[dict[str, dict[str, Any]], int]:
    result = cli("doctor", "--json")
    return {check["name"]: check for check in json.loads(result.stdout)["checks"]}, result.exit_code


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERSUS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TERSUS_INDEX_DEVICE", raising=False)


def test_the_wheel_its_options_and_the_device_are_named(cli: Any) -> None:
    import faiss

    found, _ = lines(cli)
    said = found["faiss"]["detail"]
    assert found["faiss"]["ok"] is True
    assert said.startswith(f"{faiss.__version__} from faiss-")
    assert said.endswith(faiss.get_compile_options().strip())
    assert found["index device"]["ok"] is True


def test_two_wheels_are_named_with_the_one_in_use_and_the_remedy(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    size = put(site, "raise SystemExit('imported')\n")
    install(site, "faiss-cpu", {"faiss/__init__.py": size, "faiss/loader.py": 9})
    install(site, "faiss-gpu-cuvs", {"faiss/__init__.py": size})
    monkeypatch.syspath_prepend(str(site))
    found, status = lines(cli)
    assert status == 1
    assert found["faiss"]["ok"] is False
    assert found["faiss"]["detail"] == (
        "faiss-gpu-cuvs 1.15.1 and faiss-cpu 1.15.1; in use is faiss-gpu-cuvs, installed last: of its 1 "
        "files 1 lie there as it brought them"
    )
    assert found["faiss"]["fix"].startswith("pip uninstall -y faiss-cpu faiss-gpu-cuvs;")
    assert "index device" not in found


def test_without_faiss_the_extras_are_named(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    found, status = lines(cli)
    assert status == 1
    assert found["faiss"]["fix"] == "pip install 'tersus[cpu]', or 'tersus[gpu]' for a GPU of NVIDIA"


def test_the_card_that_indexes_use_and_one_that_is_not_there(
    cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "faiss", FakeFaiss(cards=2))
    found, _ = lines(cli)
    assert found["index device"]["detail"] == "cuda:0, because FAISS sees 2 GPUs; asked for: auto"
    monkeypatch.setenv("TERSUS_INDEX_DEVICE", "cuda:7")
    found, _ = lines(cli)
    assert (found["index device"]["ok"], found["index device"]["needed"]) == (False, False)
    assert found["index device"]["detail"] == "cpu, because FAISS sees 2 GPUs; asked for: cuda:7"
    assert "nvidia-smi" in found["index device"]["fix"]
    monkeypatch.setenv("TERSUS_INDEX_DEVICE", "gpu")
    found, _ = lines(cli)
    assert found["configuration"]["ok"] is False
    assert "index_device" in found["configuration"]["detail"]


def test_a_card_that_only_torch_sees_gets_the_command(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import faiss
    import torch

    if hasattr(faiss, "StandardGpuResources"):
        pytest.skip("this FAISS has GPU support")
    monkeypatch.setattr("tersus.service.cli.checks_faiss._torch_sees", lambda: True)
    found, _ = lines(cli)
    assert found["index device"]["ok"] is True
    assert found["index device"]["fix"] == "pip uninstall -y faiss-cpu; pip install 'tersus[gpu]'"
    assert torch.cuda.is_available() is False
