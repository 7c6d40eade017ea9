"""The comparison of selections: what each keeps, and the command line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from tersus.compressors import Budget, Passage
from tersus.compressors.frugal import FrugalCompressor
from tersus.eval.data import EvalPassage, Example
from tersus.eval.frugal.selection import BottomSelection, RandomSelection
from tersus.eval.frugal.table import evidence, main, selections

TEXT = "The committee paid a large sum for the bridge. Nobody in the village complained about it afterwards."


def kept(compressor: FrugalCompressor | BottomSelection | RandomSelection, ratio: float) -> list[str]:
    text = compressor.compress("", [Passage(text=TEXT)], Budget(ratio=ratio)).text
    return [word for word in text.replace(".", " ").split() if word]


def test_the_bottom_is_what_the_top_leaves_out() -> None:
    frugal = FrugalCompressor(scorer="globenc", granularity="word", scope="sentence")
    top, bottom = kept(frugal, 0.5), kept(BottomSelection(frugal), 0.5)
    assert top
    assert bottom
    assert len(set(top) & set(bottom)) <= 3  # at the border, and "the" stands twice
    assert set(kept(frugal, 0.9)) & set(bottom) > set(top) & set(bottom)


def test_a_random_selection_is_the_same_for_the_same_seed_and_differs_between_seeds() -> None:
    assert kept(RandomSelection(1), 0.5) == kept(RandomSelection(1), 0.5)
    assert len({tuple(kept(RandomSelection(seed), 0.5)) for seed in range(5)}) > 1


def test_only_passages_with_evidence_are_asked() -> None:
    gold = EvalPassage("Yes.", "T", True, ((0, 4),), (0,))
    other = EvalPassage("No.", "U", False, ((0, 3),), ())
    example = Example("q", "what?", ("yes",), (other, gold), "toy")
    assert evidence(example).passages == (gold,)
    without = Example("q", "what?", ("yes",), (other,), "toy")
    assert evidence(without).passages == (other,)


def test_the_command_measures_every_selection_and_times_attribution(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {
        "id": "q",
        "question": "Who paid for the bridge?",
        "answers": ["committee"],
        "passages": [{"title": "Bridge", "sentences": TEXT.split(". "), "supporting": [0]}],
        "source": "toy",
    }
    (tmp_path / "toy.dev.jsonl.gz").write_bytes(gzip.compress(json.dumps(row).encode() + b"\n"))
    assert main(["--sets", "toy,absent", "--data-dir", str(tmp_path), "--ratios", "0.6", "--json"]) == 0
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert "absent" in captured.err
    found = {one["selection"]: one for one in report["rows"]}
    assert set(found) == set(selections())
    assert all(0.3 < one["kept"]["mean"] < 0.8 for one in found.values())
    assert all(one["cosine"]["mean"] <= 1.0001 for one in found.values())
    assert found["decompx"]["cosine"]["mean"] > found["decompx, bottom"]["cosine"]["mean"]
    assert [one["target"] for one in report["timed"]] == [None, 2.0, 1.0]
