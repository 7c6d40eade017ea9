"""Threshold and calibrations that go with trained weights."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from tersus.compressors import Passage
from tersus.compressors.exit import ExitCompressor
from tersus.compressors.exit.settings import read_settings
from tersus.compressors.exit.weights import new_exit_model, save_exit_model
from tersus.eval.conformal import RiskTooSmall
from tersus.eval.data import EvalPassage, Example
from tersus.eval.exit.choose import choose, lowest_loss_threshold


def test_each_set_weighs_alike_whatever_its_size() -> None:
    many = np.array([0.1] * 10 + [0.5] * 90)
    few = np.array([0.2, 0.6])
    # At 0.5 the large set loses 10 %, the small one half of its two: 30 % on average.
    assert lowest_loss_threshold([many, few], 0.3) == 0.5
    # At 0.2 the large one loses 10 %, the small one nothing: 5 %; at 0.1 nobody loses.
    assert lowest_loss_threshold([many, few], 0.29) == 0.2
    assert lowest_loss_threshold([many, few], 0.05) == 0.2
    assert lowest_loss_threshold([many, few, np.zeros(0)], 0.04) == 0.1


def test_what_is_lost_at_any_threshold_is_counted() -> None:
    critical = np.array([-math.inf, 0.3])
    assert lowest_loss_threshold([critical], 0.5) == 0.3
    with pytest.raises(RiskTooSmall):
        lowest_loss_threshold([critical], 0.4)
    with pytest.raises(RiskTooSmall):
        lowest_loss_threshold([], 0.4)


def test_the_choice_is_written_beside_the_weights_and_counted_right(tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_exit_model(new_exit_model(), tmp_path, encoder="minilm", threshold=0.9, trained="no")
    text = "The tower was built in 1887. It is white. Gulls nest on it."
    places = [(24, 26), (29, 40), (42, 46)]
    examples = [
        Example(f"{i}", f"Question {i}, the tower?", ("x",), (EvalPassage(text, answer_spans=(place,)),), "t")
        for i, place in enumerate(places * 10)
    ]
    choice = choose(tmp_path, {"towers": examples}, loss=0.1)
    assert read_settings(tmp_path).threshold == choice.threshold
    compressor = ExitCompressor(tmp_path)
    assert list(compressor.shipped_calibrations) == list(choice.calibrations)
    assert {c.fingerprint for c in choice.calibrations} == {compressor.fingerprint}
    assert [c.risk for c in choice.calibrations] == [0.05, 0.1, 0.2]  # 30 questions cannot promise 0.02
    kept = [compressor.compress(e.question, [Passage(text=text)]).passages[0].kept or [] for e in examples]
    lost = sum(
        not any(span.start <= start and end <= span.end for span in spans)
        for spans, (start, end) in zip(kept, places * 10, strict=True)
    )
    assert choice.by_set["towers"]["lost"] == pytest.approx(lost / 30)
    assert lost <= 3
    assert json.loads((tmp_path / "calibrations.json").read_text())["data"] == ["towers"]
