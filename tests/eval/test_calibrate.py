"""Calibrating a compressor on examples: the promise holds in what it then sends, to the last bit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from tersus.compressors import Budget, ExtractiveCompressor, Span, Task, load_compressor
from tersus.compressors.calibration_json import calibration_dict, read_calibration
from tersus.compressors.segment import split
from tersus.errors import InvalidInput
from tersus.eval import risk_check
from tersus.eval.baselines import Bm25Compressor
from tersus.eval.calibrate import CalibrationSet, extractive, score_examples
from tersus.eval.conformal import RiskTooSmall
from tersus.eval.data import DataMissing, EvalPassage, Example, read_examples, to_passages
from tersus.eval.metrics import answer_recall
from tersus.eval.resample import resample


class Noisy(ExtractiveCompressor):
    """Scores in single precision, drawn from the text itself, with many ties."""

    name: ClassVar[str] = "noisy"

    def _score_batch(self, tasks: Sequence[Task]) -> list[list[list[Span]]]:
        return [
            [
                [
                    Span(s.start, s.end, float(np.float32(sum(p.text[s.start : s.end].encode()) % 31) / 31))
                    for s in split(p.text)
                ]
                for p in task.passages
            ]
            for task in tasks
        ]


def examples(count: int, seed: int = 0) -> list[Example]:
    """Three sentences a question; one of them, at random, has the answer."""
    chance = np.random.default_rng(seed)
    made = []
    for number in range(count):
        facts = [f"Fact {word} is here." for word in chance.integers(10**6, size=3)]
        facts[chance.integers(3)] = f"The code is k{chance.integers(10**6)}."
        answer = next(fact for fact in facts if fact.startswith("The code"))[12:-1]
        made.append(
            Example(str(number), "What is the code?", (answer,), (EvalPassage(" ".join(facts)),), "made")
        )
    return made


def test_what_is_sent_at_the_threshold_loses_exactly_the_answers_that_were_counted() -> None:
    questions = examples(120)
    scored = score_examples(Noisy(), questions)
    calibration = scored.calibration(0.1, date(2026, 11, 1))
    assert (calibration.size, calibration.risk, calibration.date) == (120, 0.1, date(2026, 11, 1))
    stored = read_calibration(json.loads(json.dumps(calibration_dict(calibration))))
    assert stored == calibration
    lost, kept, whole = [], 0, 0
    for example in questions:
        result = Noisy().compress(example.question, to_passages(example), Budget(risk=stored))
        lost.append(answer_recall(example.answers, result.text) == 0.0)
        kept += sum(s.end - s.start for p in result.passages for s in p.kept or ())
        whole += sum(s.end - s.start for p in example.passages for s in split(p.text))
    assert lost == [score < stored.threshold for score in scored.critical]
    assert 0 < sum(lost) <= 0.1 * 121 - 1
    assert scored.kept_text(stored.threshold) == kept / whole < 1
    assert scored.kept_text(-1) == 1


def test_new_questions_of_the_same_kind_lose_their_answer_as_promised() -> None:
    scored = score_examples(Noisy(), examples(400, seed=1))
    threshold = scored.calibration(0.2).threshold
    fresh = score_examples(Noisy(), examples(4000, seed=2))
    assert 0.05 < np.mean(fresh.critical < threshold) <= 0.2
    assert resample(scored.critical, 0.2).verdict == "holds"


def test_questions_left_out_are_counted_and_not_scored() -> None:
    class Counting(Noisy):
        asked: ClassVar[list[str]] = []

        def _score_batch(self, tasks: Sequence[Task]) -> list[list[list[Span]]]:
            self.asked.extend(task.query for task in tasks)
            return super()._score_batch(tasks)

    passage = (EvalPassage("The moon pulls the sea."),)
    steps: list[int] = []
    scored = score_examples(
        Counting(),
        [
            Example("1", "found", ("moon",), passage, "made"),
            Example("2", "absent", ("Mars",), passage, "made"),
            Example("3", "impossible", (), passage, "made", impossible=True),
            Example("4", "empty", ("moon",), (EvalPassage(""),), "made"),
        ],
        advance=lambda: steps.append(1),
    )
    assert (scored.size, dict(scored.basis)) == (1, {"string": 1})
    assert dict(scored.left_out) == {"unanswerable": 1, "not_in_passages": 2}
    assert Counting.asked == ["found", "absent"]  # nothing to score in an empty passage
    assert len(steps) == 4
    with pytest.raises(RiskTooSmall, match="1 calibration questions"):
        scored.calibration(0.05)


def test_a_compressor_without_scores_is_refused() -> None:
    with pytest.raises(InvalidInput, match="none has no scores"):
        extractive(load_compressor("none"))
    assert isinstance(extractive(Bm25Compressor()), Bm25Compressor)


@pytest.mark.parametrize(
    "values",
    [[], "x", {}, {"fingerprint": "x", "threshold": "a", "risk": 0.1, "size": 9, "date": "2026-01-01"},
     {"fingerprint": "x", "threshold": 1, "risk": 1.0, "size": 9, "date": "2026-01-01"},
     {"fingerprint": "x", "threshold": 1, "risk": 0.1, "size": 9, "date": "yesterday"},
     {"fingerprint": "x", "threshold": float("nan"), "risk": 0.1, "size": 9, "date": "2026-01-01"}],
)  # fmt: skip
def test_json_that_is_no_calibration_is_refused(values: object) -> None:
    with pytest.raises(InvalidInput):
        read_calibration(values)


def write(path: Path, questions: Sequence[Example]) -> Path:
    lines = [
        json.dumps(
            {
                "id": e.id,
                "question": e.question,
                "answers": e.answers,
                "passages": [{"text": e.passages[0].text}],
            }
        )
        for e in questions
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_the_check_prints_mean_error_and_target(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tersus.eval.risk_check.load", lambda _name: Noisy())
    path = str(write(tmp_path / "made.jsonl", examples(90)))
    arguments = [
        "--data",
        f"{path},absent",
        "--risk",
        "0.1,0.01",
        "--splits",
        "40",
        "--data-dir",
        str(tmp_path),
    ]
    assert risk_check.main([*arguments, "--json"]) == 0
    printed = capsys.readouterr()
    assert "skipped" in printed.err
    first, second = json.loads(printed.out)["rows"]
    expected = resample(score_examples(Noisy(), examples(90)).critical, 0.1, splits=40)
    assert first["result"]["mean"] == expected.mean <= 0.1
    assert (first["verdict"], first["questions"], first["left_out"]) == (expected.verdict, 90, 0)
    assert (second["result"], second["verdict"]) == (None, None)
    assert "risk of 0.01" in second["problem"]
    assert risk_check.main(arguments) == 0
    shown = capsys.readouterr().out
    assert f"{expected.mean:.4f}" in shown
    assert f"{expected.standard_error:.4f}" in shown
    assert "cannot be promised" in shown


def test_the_check_tells_a_broken_promise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tersus.eval.risk_check.load", lambda _name: Noisy())
    monkeypatch.setattr("tersus.eval.resample.crc_threshold", lambda _critical, _risk: 0.5)
    path = write(tmp_path / "made.jsonl", examples(60))
    assert risk_check.main(["--data", str(path), "--risk", "0.05"]) == 1
    assert "broken" in capsys.readouterr().out


def test_the_check_does_not_run_without_scores(capsys: pytest.CaptureFixture[str]) -> None:
    assert risk_check.main(["--compressor", "head"]) == 2
    assert "has no scores" in capsys.readouterr().err


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "basis"),
    [
        ("hotpotqa", {"string", "supporting"}),
        ("qed", {"string"}),
        ("nq-open", {"string"}),
        ("squad2", {"marked"}),
        ("selqa", {"supporting"}),
    ],
)
def test_on_real_questions_the_mean_loss_stays_at_or_below_the_risk(name: str, basis: set[str]) -> None:
    try:
        questions = list(read_examples(name))
    except DataMissing:
        pytest.skip(f"{name} is not in ../shared/data")
    scored: CalibrationSet = score_examples(Bm25Compressor(), questions)
    assert set(scored.basis) == basis
    assert sum(scored.basis.values()) + sum(scored.left_out.values()) == len(questions)
    impossible = sum(example.impossible is True for example in questions)
    assert scored.left_out == {"unanswerable": impossible, "not_in_passages": 0}
    found = resample(scored.critical, 0.1, splits=200)
    assert 0 < found.mean <= 0.1
