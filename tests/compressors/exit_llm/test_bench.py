"""The bench of ``exit-llm``: what it draws, its figures by hand, and what is absent is said."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from tersus.compressors import ExtractiveCompressor, Passage, Span, Task
from tersus.eval.bench_exit_llm import PARTS, compare, draw, main

from . import tiny

ONE, ALL, LONG = PARTS


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    passages = [{"title": t, "text": f"{t} is red. It is {t}."} for t in ("Ada", "Bob")]
    many = [{"title": "Many", "text": " ".join(f"Room {i} is red." for i in range(n))} for n in (14, 15)]
    for name, found in (("hotpotqa", passages), ("selqa", many)):
        lines = [{"id": i, "question": f"Who {i}?", "answers": [], "passages": found} for i in range(3)]
        with gzip.open(folder / f"{name}.dev.jsonl.gz", "wt") as file:
            file.write("\n".join(map(json.dumps, lines)))
    return folder


class Scored(ExtractiveCompressor):
    """Given scores, one a passage."""

    name = "scored"

    def __init__(self, scores: Sequence[float]) -> None:
        self.scores = iter(scores)

    def _score_batch(self, tasks: Sequence[Task]) -> list[list[list[Span]]]:
        return [[[Span(0, 1, next(self.scores))] for _ in task.passages] for task in tasks]


def test_parts_are_drawn_passage_by_passage_question_by_question_and_by_length(data: Path) -> None:
    one = draw(ONE, 3, data_dir=str(data))
    assert [(q, [p.title for p in ps]) for q, ps in one] == [
        ("Who 0?", ["Ada"]), ("Who 1?", ["Bob"]), ("Who 2?", ["Ada"]),
    ]  # fmt: skip
    assert [[p.title for p in ps] for _, ps in draw(ALL, 2, data_dir=str(data))] == [["Ada", "Bob"]] * 2
    long = draw(LONG, 9, data_dir=str(data))
    assert [[p.text.count("red") for p in ps] for _, ps in long] == [[15]] * 3


def test_figures_are_those_worked_out_by_hand() -> None:
    jobs = [("Who?", [Passage(text="One.")]), ("Who?", [Passage(text="Two.")])]
    # Seconds: whole 6, shared 2; then shared begins: shared 1, whole 3.
    ticks = iter([0.0, 6.0, 6.0, 8.0, 8.0, 9.0, 9.0, 12.0])
    whole, shared = Scored([0.25, 0.3]), Scored([0.25, 0.29])
    row = compare(ONE, jobs, whole, shared, clock=lambda: next(ticks))
    assert (row.jobs, row.sentences, row.whole, row.shared, row.ratio.mean) == (2, 2, 4.5, 1.5, 3.0)
    assert row.max_delta == pytest.approx(0.01)
    assert row.decisions_differ == 1
    assert not row.same


def test_both_ways_agree_on_a_tiny_model(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tiny.save(tmp_path / "model")
    options = ["--model", str(folder), "--device", "cpu", "--data-dir", str(data), "--limit", "2"]
    assert main([*options, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [(row["part"]["data"], row["jobs"], row["sentences"]) for row in report["rows"]] == [
        ("hotpotqa", 2, 4), ("hotpotqa", 2, 8), ("selqa", 2, 30),
    ]  # fmt: skip
    assert all(row["same"] and row["max_delta"] < 1e-4 and row["ratio"]["low"] > 0 for row in report["rows"])
    assert main(options) == 0
    assert "max |ΔP|" in capsys.readouterr().out


def test_absent_data_and_an_absent_model_are_said_and_are_no_error(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data-dir", str(tmp_path / "nowhere")]) == 0
    assert "data set 'hotpotqa' is not here" in capsys.readouterr().err
    assert main(["--data-dir", str(data), "--model", str(tmp_path / "none")]) == 0
    assert "nothing to measure: there is no model folder" in capsys.readouterr().err
    assert main(["--data-dir", str(data), "--model", str(tmp_path)]) == 2
    assert "[model_unusable]" in capsys.readouterr().err
