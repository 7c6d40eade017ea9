"""Finding GemFilter's layer: the figure, the choice; and the comparison of speeds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tersus.compressors import Passage
from tersus.compressors.gemfilter import GemFilterCompressor
from tersus.compressors.models.causal import load_causal
from tersus.eval.gemfilter.speed import main, run_arm
from tersus.eval.gemfilter.trials import Trial, answer_places, needle_trials, question_trials
from tersus.eval.gemfilter.tune import KERNELS, choose, measure

from tests.compressors.gemfilter import tiny
from tests.eval.train_files import write_train_files


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("tune"))


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_train_files(tmp_path_factory.mktemp("data"))


def test_answers_stand_as_whole_words() -> None:
    passages = [Passage(text="Rome is not Romeo. ROME!"), Passage(text="none")]
    assert answer_places(["Rome", "yes"], passages) == ((0, 0, 4), (0, 19, 23))
    assert answer_places(["yes"], passages) == ()


def test_needles_are_spread_over_depths_and_have_a_decoy(data_dir: Path) -> None:
    trials = needle_trials(8, passages=4, data_dir=str(data_dir))
    assert [trial.answers[0][0] for trial in trials] == [0, 0, 1, 1, 2, 2, 3, 3]
    for trial in trials:
        ((passage, start, end),) = trial.answers
        assert trial.passages[passage].text[start:end].isdigit()
        text = " ".join(p.text for p in trial.passages)
        assert text.count("The access code of the") == 2


def test_the_figure_is_the_best_answers_standing(folder: Path, data_dir: Path) -> None:
    trials = question_trials(3, passages=3, data_dir=str(data_dir))
    causal = load_causal(folder, "cpu")
    found = measure(causal, trials, granularities=["sentence"])
    assert found.shape == (3, tiny.LAYERS, len(KERNELS))
    for number, trial in enumerate(trials):
        compressor = GemFilterCompressor(folder, layer=1, kernel=5, device="cpu")
        spans = compressor.score(trial.question, trial.passages)
        best = max(s.score for n, a, b in trial.answers for s in spans[n] if s.start < b and a < s.end)
        assert found[number, 1, KERNELS.index(5)] == pytest.approx(best, abs=1e-9)


def test_the_earliest_layer_within_one_standard_error_is_chosen() -> None:
    trials = [Trial("needle", "q", (), ())] * 10 + [Trial("questions", "q", (), ())] * 10
    areas = np.zeros((20, 4, len(KERNELS)))
    areas[:, 3, 0] = np.tile([0.9, 0.7], 10)
    areas[:, 2, 0] = np.tile([0.7, 0.88], 10)  # 0.01 behind on average, and as often ahead
    areas[:, 1, 0] = 0.5
    chosen = choose("smollm2-like", trials, areas)
    assert chosen.best == (3, KERNELS[0])
    assert (chosen.profile.layer, chosen.profile.kernel) == (2, KERNELS[0])
    areas[:, 2, 0] = areas[:, 3, 0] - 0.2  # always behind
    assert choose("smollm2-like", trials, areas).profile.layer == 3


def test_both_arms_of_the_comparison_run_and_the_filter_keeps_what_is_asked(folder: Path) -> None:
    full = run_arm("full", str(folder), 300, 40, 1, 5, "cpu", None)
    filtered = run_arm("gemfilter", str(folder), 300, 40, 1, 5, "cpu", None)
    assert full.seconds > 0
    assert full.filter_seconds == 0
    assert 0 < filtered.filter_seconds < filtered.seconds


def test_the_comparison_names_its_bound(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--model", str(folder), "--tokens", "300", "--keep", "40", "--layer", "2", "--runs", "1"]
    assert main([*arguments, "--device", "cpu", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["bound"] == tiny.LAYERS / 2
    assert report["tokens"] == 300
    assert report["ratio"] == pytest.approx(report["full"]["seconds"] / report["gemfilter"]["seconds"])
    assert main([*arguments[:2], "--layer", "9", "--runs", "1", "--device", "cpu"]) == 2
    assert "no layer 9" in capsys.readouterr().err
