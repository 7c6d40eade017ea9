"""Compressors by name, third parties' included."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tersus.compressors import (
    CompressorBroken,
    Passage,
    UnknownCompressor,
    available_compressors,
    compressor_class,
    load_compressor,
    registry,
)
from tersus.errors import InvalidInput


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed distribution with a good, a broken and a wrong entry point."""
    info = tmp_path / "thirdparty-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thirdparty\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[tersus.compressors]\nshout = thirdparty_shout:Shout\nbroken = thirdparty_missing:X\n"
        "wrong = builtins:dict\nnone = thirdparty_shout:Shout\n"
    )
    (tmp_path / "thirdparty_shout.py").write_text(
        "from tersus.compressors.none import NoneCompressor\n"
        "class Shout(NoneCompressor):\n"
        "    name = 'shout'\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    registry._entry_points.cache_clear()
    yield
    registry._entry_points.cache_clear()
    sys.modules.pop("thirdparty_shout", None)


def test_the_built_in_ones_are_there() -> None:
    assert {"none", "similarity"} <= set(available_compressors())
    assert compressor_class("none").name == "none"


@pytest.mark.usefixtures("third_party")
def test_a_third_party_needs_only_an_entry_point() -> None:
    assert "shout" in available_compressors()
    assert load_compressor("shout").compress("q", [Passage(text="hello")]).compressor == "shout"


@pytest.mark.usefixtures("third_party")
def test_a_broken_one_harms_no_other() -> None:
    with pytest.raises(CompressorBroken, match="thirdparty_missing"):
        load_compressor("broken")
    with pytest.raises(CompressorBroken, match="not a subclass"):
        load_compressor("wrong")
    assert load_compressor("none").name == "none"  # nobody takes a built-in one's name


def test_an_unknown_name_is_told_the_nearest_one() -> None:
    with pytest.raises(UnknownCompressor, match="did you mean similarity"):
        load_compressor("similarty")
    with pytest.raises(UnknownCompressor, match=r"there are: .*exit, "):
        load_compressor("zzz")


def test_unknown_options_are_refused() -> None:
    with pytest.raises(InvalidInput, match="colour"):
        load_compressor("similarity", colour="red")
