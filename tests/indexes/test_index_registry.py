"""Index kinds come from entry points, and a broken one harms nobody else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tersus.errors import TersusError
from tersus.indexes import (
    FlatIndex,
    IndexBroken,
    UnknownIndex,
    available_indexes,
    create_index,
    load_index_class,
    load_snapshot,
    save_snapshot,
)

Install = Callable[[str, dict[str, str], str], None]

MODULE = """
from tersus.indexes import FlatIndex

class Mine(FlatIndex):
    kind = "mine"

class Flat(FlatIndex):
    kind = "flat"

class NoKind:
    kind = "no-index"

def make(dimension):
    return Mine(dimension)
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a package with entry points on the path, as an installer does."""

    def put(package: str, points: dict[str, str], module: str) -> None:
        site = tmp_path / package
        info = site / f"{package}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [f"{name} = {target}" for name, target in points.items()]
        (info / "entry_points.txt").write_text("\n".join(["[tersus.indexes]", *lines]))
        (site / f"{package}_module.py").write_text(module)
        monkeypatch.syspath_prepend(site)

    return put


def test_the_built_in_kind_is_registered() -> None:
    assert "flat" in available_indexes()
    assert load_index_class("flat") is FlatIndex
    assert create_index("flat", 5).dimension == 5


def test_an_unknown_kind_lists_what_there_is() -> None:
    with pytest.raises(UnknownIndex, match=r"'flatt' \(there are: .*flat") as caught:
        load_index_class("flatt")
    assert isinstance(caught.value, TersusError)
    assert caught.value.code == "unknown_index"


def test_a_third_party_adds_a_kind_that_snapshots_know(install: Install, tmp_path: Path) -> None:
    install("thirdgood", {"mine": "thirdgood_module:Mine"}, MODULE)
    assert "mine" in available_indexes()
    index = create_index("mine", 2)
    index.add([4], [[0.0, 1.0]])
    save_snapshot(index, tmp_path / "s", sequence=1, embedding_model="m")
    loaded, info = load_snapshot(tmp_path / "s")
    assert type(loaded).__name__ == "Mine"
    assert (info.kind, loaded.ids().tolist()) == ("mine", [4])


@pytest.mark.parametrize(
    ("name", "target", "module"),
    [
        ("raises", "thirdbad_module:Mine", "raise RuntimeError('no licence')"),
        ("syntax", "thirdbad_module:Mine", "def ("),
        ("absent", "thirdbad_module:Absent", MODULE),
        ("no-module", "thirdbad_nowhere:Mine", MODULE),
        ("function", "thirdbad_module:make", MODULE),
        ("no-index", "thirdbad_module:NoKind", MODULE),
        ("other-kind", "thirdbad_module:Mine", MODULE),
    ],
)
def test_a_broken_kind_is_named_and_the_others_still_work(
    install: Install, monkeypatch: pytest.MonkeyPatch, name: str, target: str, module: str
) -> None:
    monkeypatch.delitem(__import__("sys").modules, "thirdbad_module", raising=False)
    install("thirdbad", {name: target}, module)
    with pytest.raises(IndexBroken, match=name) as caught:
        create_index(name, 3)
    assert caught.value.code == "index_broken"
    assert caught.value.hint == "repair or uninstall thirdbad"
    assert {"flat", name} <= set(available_indexes())
    assert create_index("flat", 3).kind == "flat"


def test_a_third_party_cannot_take_the_name_of_a_built_in_kind(install: Install) -> None:
    install("aaa", {"flat": "aaa_module:Flat"}, MODULE)
    install("zzz", {"flat": "zzz_module:Flat"}, MODULE)
    assert load_index_class("flat") is FlatIndex
