import json
from pathlib import Path

import numpy as np
import pytest
from tersus.compressors import Budget, load_compressor
from tersus.compressors.auto.features import FEATURES
from tersus.compressors.auto.policy import Choice, read_policy
from tersus.eval.auto.fit import main
from tersus.eval.auto.learn import LEAST, TooFewRows, cross_validated, gain, learn
from tersus.eval.auto.rows import Rows, collect
from tersus.eval.data import EvalPassage, Example, to_passages

CHOICES = (Choice("exit", 0.1), Choice("exit", 0.5))


def rows(count: int, *, telling: bool) -> Rows:
    """Choice 1 always wins and keeps half; choice 0 keeps a tenth and wins where feature 0 is low.

    Where the features are not ``telling``, they say nothing of who wins.
    """
    random = np.random.default_rng(0)
    easy = random.random(count) < 0.5
    x = random.normal(size=(count, len(FEATURES)))
    if telling:
        x[:, 0] = np.where(easy, -1, 1)
    success = np.stack([easy, np.ones(count)], 1).astype(float)
    kept = np.tile([0.1, 0.5], (count, 1))
    return Rows(x, success, kept, ("toy",) * count)


def test_what_features_tell_is_learned_and_gains_over_any_mixture_of_fixed_choices() -> None:
    data = rows(400, telling=True)
    chosen = cross_validated(data, CHOICES, 0.8)
    assert np.array_equal(chosen, np.where(data.features[:, 0] < 0, 0, 1))
    told = gain(data, chosen, 0.8)
    easy = float((data.features[:, 0] < 0).mean())
    assert told.success == 1
    assert told.kept == pytest.approx(easy * 0.1 + (1 - easy) * 0.5)
    # at that share fixed choices mix: the first with weight easy, which wins in easy of its cases
    assert told.fixed == pytest.approx(easy * easy + (1 - easy))
    assert 0.15 < told.low <= told.gain <= told.high < 0.35


def test_features_that_tell_nothing_gain_nothing() -> None:
    data = rows(400, telling=False)
    told = gain(data, cross_validated(data, CHOICES, 0.8), 0.8)
    assert told.low <= 0.02


def test_too_few_questions_are_refused() -> None:
    with pytest.raises(TooFewRows, match=str(LEAST)):
        learn(rows(LEAST - 1, telling=True), CHOICES, 0.2)


def test_rows_hold_what_every_choice_came_to() -> None:
    text = "Ulm lies on the Danube. It rained forty days in Ulm. Bees dance. Trees grow. Iron rusts."
    asked = Example("1", "How long did it rain in Ulm?", ("forty days",), (EvalPassage(text, ""),), "toy")
    unlabelled = Example("2", "Why?", (), (EvalPassage(text, ""),), "toy")
    done: list[int] = []
    found = collect([asked, unlabelled], (Choice("none"), Choice("exit", 0.4)), done.append)
    assert done == [1, 2]
    assert found.source == ("toy",)
    assert found.features.shape == (1, len(FEATURES))
    alone = load_compressor("exit").compress(asked.question, to_passages(asked), Budget(ratio=0.4))
    assert found.success.tolist() == [[1, float("forty days" in alone.text)]]
    assert found.kept.tolist() == [[1, alone.kept]]


def test_the_command_skips_without_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path / "none.jsonl")]) == 0
    assert "skipped" in capsys.readouterr().err


def test_the_command_learns_from_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tersus.eval.auto.learn.LEAST", 10)
    passage = {"title": "", "text": "It rained in Ulm. Bees dance.", "is_gold": True}
    line = {"question": "Where did it rain?", "answers": ["Ulm"], "source": "toy", "passages": [passage]}
    data = tmp_path / "toy.jsonl"
    data.write_text("".join(json.dumps({**line, "id": str(i)}) + "\n" for i in range(15)))
    few = tmp_path / "few.jsonl"
    few.write_text(json.dumps({**line, "id": "1"}) + "\n")
    assert main(["--data", str(few)]) == 2
    assert main(["--data", str(data), "--json", "--out", str(tmp_path / "policy.json")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["questions"] == 15
    assert all(-1 <= one["low"] <= one["gain"] <= one["high"] <= 1 for one in told["auto"])
    assert read_policy(tmp_path / "policy.json").choices[0] == Choice("exit")
