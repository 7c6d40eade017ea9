"""Two packages that bring FAISS into one environment are noticed before either is imported."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from tersus.indexes.faiss_wheels import FaissConflict, check_wheels, installed_wheels

ROOT = Path(__file__).parents[2]
INIT = "raise SystemExit('imported')\n"


def install(site: Path, name: str, sizes: dict[str, int], release: str = "1.15.1") -> None:
    """A package of that name whose files have these sizes by its own account."""
    info = site / f"{name.replace('-', '_')}-{release}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {release}\n")
    (info / "RECORD").write_text("".join(f"{path},,{size}\n" for path, size in sizes.items()))


def put(site: Path, content: str) -> int:
    (site / "faiss").mkdir(exist_ok=True)
    (site / "faiss" / "__init__.py").write_text(content)
    return len(content)


def test_the_one_wheel_that_is_installed_here_is_found_whole() -> None:
    check_wheels()
    [wheel] = installed_wheels()
    assert wheel.version == version(wheel.name)
    assert wheel.files == wheel.whole > 10


def test_two_wheels_are_refused_and_the_last_one_is_named_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = put(tmp_path, INIT)
    install(tmp_path, "faiss-cpu", {"faiss/__init__.py": size + 1})
    install(tmp_path, "faiss-gpu-cuvs", {"faiss/__init__.py": size, "other/file": 3})
    monkeypatch.syspath_prepend(str(tmp_path))
    assert [(wheel.name, wheel.files, wheel.whole) for wheel in installed_wheels()] == [
        ("faiss-gpu-cuvs", 1, 1),
        ("faiss-cpu", 1, 0),
    ]
    with pytest.raises(FaissConflict, match=r"faiss-gpu-cuvs 1\.15\.1 and faiss-cpu 1\.15\.1") as caught:
        check_wheels()
    assert (caught.value.hint or "").startswith("pip uninstall -y faiss-cpu faiss-gpu-cuvs; pip install")


def test_missing_files_and_packages_without_files_of_faiss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "faiss-cpu", {"faiss/__init__.py": 5, "faiss/loader.py": 7})
    install(tmp_path, "faiss-cuda-cu128", {"README": 5})  # it only requires another package
    monkeypatch.syspath_prepend(str(tmp_path))
    assert [(wheel.name, wheel.files, wheel.whole) for wheel in installed_wheels()] == [("faiss-cpu", 2, 0)]
    check_wheels()


def test_an_index_is_refused_before_the_mixture_is_imported(tmp_path: Path) -> None:
    install(tmp_path, "faiss-gpu", {"faiss/__init__.py": put(tmp_path, INIT)})
    program = (
        "import sys\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "from tersus.errors import TersusError\n"
        "from tersus.indexes import create_index\n"
        "for _ in range(2):\n"
        "    try:\n        create_index('flat', 3)\n"
        "    except TersusError as error:\n        print(error.code, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    first, second = done.stdout.splitlines()
    assert first == second
    assert first.startswith("faiss_conflict FAISS is installed by ")
    assert "pip uninstall -y faiss-cpu faiss-gpu;" in first


def test_no_dependency_brings_a_wheel_and_each_extra_brings_one() -> None:
    from tersus.indexes.faiss_wheels import WHEELS

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]

    def brought(requirements: list[str]) -> list[str]:
        return [one for one in requirements if one.split(">")[0] in WHEELS]

    assert brought(project["dependencies"]) == []
    assert {name for name, needs in extras.items() if brought(needs)} == {"cpu", "gpu", "gpu-cu12"}
    assert all(len(brought(extras[name])) == 1 for name in ("cpu", "gpu", "gpu-cu12"))
