"""The comparison of a card and the CPU, scaled down, on a card that is none."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from tersus.errors import InvalidInput
from tersus.eval import gpu_index
from tersus.eval.gpu_index_run import Plan, true_neighbours

from tests.indexes.gpu_fake import FakeFaiss

SMALL = [
    *("--count", "6000", "--dimension", "24", "--lists", "30", "--queries", "200", "--truth", "100"),
    *("--batch", "64", "--threads", "3", "--seconds", "0.05"),
]


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> FakeFaiss:
    fake = FakeFaiss()
    monkeypatch.setitem(sys.modules, "faiss", fake)
    return fake


def test_all_is_measured_on_both_and_written_with_date_card_and_command(
    card: FakeFaiss, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "docs" / "gpu-index"
    assert gpu_index.main([*SMALL, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert printed == out.with_suffix(".md").read_text(encoding="utf-8")
    made = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    assert made["command"].startswith("python -m tersus.eval.gpu_index --count 6000")
    assert made["command"] in printed
    assert made["date"] in printed
    [kmeans] = made["kmeans"]
    assert (kmeans["lists"], kmeans["sample"]) == (30, 6000)
    assert kmeans["cpu_cosine"] == kmeans["gpu_cosine"] > 0.3  # the fake card does what the CPU does
    assert made["factors"]["k-means"] == pytest.approx(kmeans["cpu_seconds"] / kmeans["gpu_seconds"])
    assert [one["kind"] for one in made["kinds"]] == ["flat", "ivf-flat", "ivf-sq8", "ivf-pq"]
    for one in made["kinds"]:
        assert one["reason"] is None
        assert one["on_gpu"] > 0.9
        assert one["cpu_recall"] == pytest.approx(one["gpu_recall"], abs=0.002)
        assert one["cpu_recall"] > (0.999 if one["kind"] == "flat" else 0.5)
        assert min(one[name] for name in ("cpu", "gpu", "cpu_alone", "gpu_alone", "build_seconds")) > 0
        assert one["gpu_bytes"] > 512 << 20
        assert f"| {one['kind']} (" in printed
        assert made["factors"][one["kind"]] == one["gpu"] / one["cpu"]
    assert card.taken(0) == 0


def test_a_kind_that_the_card_does_not_serve_is_said_and_has_no_factor(
    card: FakeFaiss, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gpu_index.main([*SMALL, "--kinds", "hnsw", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    [one] = made["kinds"]
    assert (one["gpu_bytes"], one["on_gpu"]) == (0, 0)
    assert "hnsw" not in made["factors"]
    assert "hnsw: the CPU served, FAISS has no GPU form of hnsw." in gpu_index.table(made)


def test_without_a_card_it_says_so_and_measures_nothing(
    card: FakeFaiss, capsys: pytest.CaptureFixture[str]
) -> None:
    card.cards = 0
    assert gpu_index.main(["--out", "nowhere"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("nothing to measure: FAISS sees 0 GPUs")
    assert not Path("nowhere.md").exists()


@pytest.mark.parametrize(
    "options", [["--count", "3"], ["--device", "gpu"], ["--kinds", "nonsense", *SMALL], ["--seconds", "nan"]]
)
def test_what_cannot_be_is_refused(
    card: FakeFaiss, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert gpu_index.main(options) == 2
    assert "error" in capsys.readouterr().err


def test_true_neighbours_are_those_of_brute_force() -> None:
    rng = np.random.default_rng(0)
    vectors, queries = (
        rng.normal(size=(501, 8)).astype(np.float32),
        rng.normal(size=(7, 8)).astype(np.float32),
    )
    expected = np.argsort(-(queries.astype(np.float64) @ vectors.T.astype(np.float64)), axis=1)
    for block in (3, 100, 501, 1000):
        assert true_neighbours(vectors, queries, 10, block).tolist() == expected[:, :10].tolist()


def test_verdicts_are_held_against_the_target() -> None:
    made = {"factors": {"flat": 20.0, "ivf-pq": 19.9}, "target": gpu_index.TARGET}
    assert gpu_index._verdict(made, "flat") == "20.0x (met: ≥ 20x)"
    assert gpu_index._verdict(made, "ivf-pq") == "19.9x (missed: ≥ 20x)"
    assert gpu_index._verdict(made, "hnsw") == "–"
    with pytest.raises(InvalidInput, match="threads is 0"):
        Plan(threads=0)
