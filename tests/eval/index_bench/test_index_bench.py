"""The bench from end to end on few vectors, and what it refuses or goes without."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tersus.eval.index_bench.__main__ import KINDS, main
from tersus.eval.index_bench.libraries import PEERS

SMALL = ["--counts", "5000", "--dimension", "16", "--seconds", "0.2", "--rounds", "1", "--threads", "1"]
FINE = "ivf-pq:code_bytes=8:refine_bits=8"


def installed(name: str) -> bool:
    return __import__("importlib.util").util.find_spec(name) is not None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def figures(folder: Path) -> dict[str, Any]:
    kinds = ",".join([*KINDS[:-1], FINE])
    peers = ",".join(name for name in PEERS if installed(name)) or "none"
    arguments = [*SMALL, "--kinds", kinds, "--peers", peers, "--folder", str(folder / "kept")]
    assert main([*arguments, "--json", str(folder / "one.json")]) == 0
    found: dict[str, Any] = json.loads((folder / "one.json").read_text())
    return found


def test_every_kind_is_measured(figures: dict[str, Any]) -> None:
    rows = {row["kind"]: row for row in figures["kinds"]}
    assert list(rows) == list(KINDS)
    assert figures["skipped"] == []
    assert rows["flat"]["recall"] > 0.999  # ties of float32 sums aside
    for kind, row in rows.items():
        assert (row["count"], row["dimension"]) == (5000, 16)
        assert 0.85 < row["recall"] <= 1, kind
        assert row["effort"] is None if kind == "flat" else row["effort"] >= 1
        assert [speed["threads"] for speed in row["speeds"]] == [1]
        for speed in row["speeds"]:
            assert speed["queries_a_second"] > 0
            assert speed["ratio"] > 0  # how much is for a quiet machine to say
        assert 0 < row["seconds_p50"] <= row["seconds_p99"]
        assert row["snapshot_bytes"] > 5000 * 16  # a byte a component, or ids and more
    bytes_of = {kind: sum(row["bytes_by_part"].values()) / 5000 for kind, row in rows.items()}
    assert bytes_of["flat"] == 64 + 17
    assert bytes_of["ivf-pq"] < bytes_of["ivf-flat"] < bytes_of["hnsw"]
    assert {target["count"] for target in figures["targets"]} == {5000}


def test_peers_are_compared_at_our_recall(figures: dict[str, Any]) -> None:
    hnsw = next(row for row in figures["kinds"] if row["kind"] == "hnsw")
    assert {peer["name"] for peer in figures["peers"]} == {name for name in PEERS if installed(name)}
    for peer in figures["peers"]:
        assert peer["our_recall"] == hnsw["recall"]
        assert peer["neighbours"] == hnsw["options"]["neighbours"]
        assert peer["recall"] > peer["our_recall"] - 0.03
        assert [speed["threads"] for speed in peer["speeds"]] == [1]


def test_a_second_run_in_the_folder_measures_nothing_again(folder: Path, figures: dict[str, Any]) -> None:
    kept = folder / "kept"
    before = {path: path.stat().st_mtime_ns for path in kept.rglob("*.json")}
    arguments = [*SMALL, "--kinds", f"flat,{FINE}", "--peers", "none", "--folder", str(kept)]
    assert main([*arguments, "--json", str(folder / "two.json")]) == 0
    again = json.loads((folder / "two.json").read_text())["kinds"]
    assert again == [row for row in figures["kinds"] if row["kind"] in ("flat", "ivf-pq")]
    assert {path: path.stat().st_mtime_ns for path in kept.rglob("*.json")} == before


def test_a_missing_peer_is_said_and_costs_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path, figures: dict[str, Any]
) -> None:
    monkeypatch.setitem(sys.modules, "hnswlib", None)  # an import of it fails
    arguments = [*SMALL, "--kinds", "flat", "--peers", "hnswlib", "--folder", str(folder / "kept")]
    assert main(arguments) == 0
    out = capsys.readouterr()
    assert "skipped: hnswlib cannot be imported" in out.err
    assert "pip install 'tersus[bench]'" in out.err
    assert "Index kinds" in out.out


def test_peers_need_hnsw_beside_them(
    capsys: pytest.CaptureFixture[str], folder: Path, figures: dict[str, Any]
) -> None:
    name = next((name for name in PEERS if installed(name)), None)
    if name is None:
        pytest.skip("no peer is installed")
    arguments = [*SMALL, "--kinds", "flat", "--peers", name, "--folder", str(folder / "kept")]
    assert main(arguments) == 1
    assert "add hnsw to --kinds" in capsys.readouterr().out


def test_a_process_that_takes_too_long_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "--kinds", "flat", "--peers", "none", "--limit-seconds", "0.01"]) == 1
    assert "raise --limit-seconds" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("kinds", "code"),
    [("nothing", "unknown_index"), ("hnsw:lists=3", "invalid_input"), ("hnsw:effort", "invalid_input")],
)
def test_a_wrong_kind_is_told_before_the_work(
    kinds: str, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*SMALL, "--kinds", kinds]) == 2
    assert f"[{code}]" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--counts", "4096"],
        ["--counts", "many"],
        ["--threads", "0"],
        ["--peers", "annoy"],
        ["--seconds", "nan"],
        ["--limit-seconds", "-1"],
    ],
)
def test_wrong_arguments_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)


def test_without_real_data_it_is_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--real", "--data-dir", str(tmp_path), "--json", str(tmp_path / "none.json")]) == 0
    assert "skipped" in capsys.readouterr().err
    assert not (tmp_path / "none.json").exists()
