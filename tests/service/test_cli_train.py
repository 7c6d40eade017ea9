"""``tersus train exit`` from data files to weights that the compressor loads."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from tersus.compressors import Passage
from tersus.compressors.exit import ExitCompressor
from tersus.eval.exit.recipe import PLAN


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two train and two dev questions for each data set of the recipe."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name in PLAN:
        for split, numbers in (("train", range(2)), ("dev", range(2, 4))):
            lines = [
                {
                    "id": f"{name}{n}",
                    "question": f"What does animal {n} of {name} eat?",
                    "answers": [f"food{n}"],
                    "passages": [
                        {"title": f"Animal {n}", "sentences": ["It sleeps.", f"It eats food{n}."],
                         "is_gold": True, "supporting": [1]},
                        {"title": "Other", "sentences": ["Nothing."], "is_gold": False, "supporting": []},
                    ],
                    "source": name,
                }
                for n in numbers
            ]  # fmt: skip
            with gzip.open(folder / f"{name}.{split}.jsonl.gz", "wt", encoding="utf-8") as stream:
                stream.write("\n".join(json.dumps(line) for line in lines))
    return folder


def test_weights_metrics_and_threshold_come_out_and_a_second_run_goes_on(
    cli: Any, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "weights"
    result = cli("train", "exit", "--data-dir", data, "--out", out, "--epochs", "1", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["metrics"] == str(out / "metrics.json")
    assert found["questions"] == 12
    assert found["recipe"]["epochs"] == 1
    assert found["dev"]["by_set"].keys() == PLAN.keys()
    written = json.loads((out / "metrics.json").read_text())
    assert written["dev"] == found["dev"]
    compressor = ExitCompressor(out)
    assert compressor.threshold == found["dev"]["threshold"]
    assert len(compressor.score("What?", [Passage(text="One. Two.")])[0]) == 2
    again = cli("train", "exit", "--data-dir", data, "--out", out, "--epochs", "1", "--resume")
    assert again.exit_code == 0, again.stderr
    assert "hotpotqa" in again.stdout
    assert "Threshold" in again.stdout
    other = cli("train", "exit", "--data-dir", data, "--out", out, "--epochs", "2", "--resume", "--json")
    assert json.loads(other.stderr)["error"]["code"] == "checkpoint_unusable"


def test_a_set_can_be_held_out_and_an_unknown_one_not(cli: Any, data: Path, tmp_path: Path) -> None:
    result = cli("train", "exit", "--data-dir", data, "--out", tmp_path / "w", "--hold-out", "qed",
                 "--epochs", "0.5", "--limit", "1", "--json")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert "qed" not in found["recipe"]["plan"]
    assert "qed" in found["dev"]["by_set"]
    wrong = cli("train", "exit", "--data-dir", data, "--hold-out", "qqq", "--json")
    assert wrong.exit_code == 2
    assert "hotpotqa" in json.loads(wrong.stderr)["error"]["hint"]


def test_without_data_it_says_so(cli: Any, tmp_path: Path) -> None:
    result = cli("train", "exit", "--data-dir", tmp_path, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stderr)["error"]["code"] == "data_missing"
    assert not (tmp_path / "exit-weights").exists()
