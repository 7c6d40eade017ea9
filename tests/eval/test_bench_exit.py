"""The bench of the targets, as a command: what it prints and writes, and what it does without data."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tersus.compressors import Span, Task, load_counter
from tersus.eval import bench_exit, bench_exit_run
from tersus.eval.baselines import BASELINES, Bm25Compressor
from tersus.eval.bench_exit import main
from tersus.eval.data import Example
from tersus.eval.targets import PARTS

OTHER = "It is long and not very exciting to most of us."


def question(number: int, name: str, *, labels: bool = True) -> dict[str, Any]:
    """Two sentences; the question shares its words with the right one, every fourth with the other one."""
    right = f"Author{number} wrote book {number}."
    passage: dict[str, Any] = {"title": f"{name} {number}"}
    if labels:
        passage |= {"sentences": [OTHER, right], "supporting": [1]}
    else:
        passage["text"] = f"{OTHER} {right}"
    asked = "What is long and exciting?" if number % 4 == 3 else f"Who wrote book {number}?"
    answers = [f"Author{number}"] if name != "selqa" else []
    return {"id": f"{name}{number}", "question": asked, "answers": answers, "passages": [passage]}


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    for name in ("qed", "nq-open", "selqa"):
        rows = [question(i, name, labels=name != "nq-open") for i in range(4)]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{name}.dev.jsonl").write_text(text)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(arguments)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def figures(report: dict[str, Any]) -> dict[tuple[str, str, str], dict[str, Any]]:
    return {
        (row["part"], row["compressor"], figure["figure"]): figure
        for row in report["rows"]
        for figure in row["figures"]
    }


def test_json_holds_each_figure_of_each_compressor(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = ("--data-dir", str(data_dir), "--compressors", "bm25,bm25:k1=0.5,head", "--json")
    status, out, _ = run(
        capsys, *ask, "--parts", "qed-adaptive,selqa-ranking,selqa-adaptive,nq-open-adaptive"
    )
    report = json.loads(out)
    assert status == 0
    assert (report["counter"], report["split"], report["seed"], report["seconds"]) == ("cl100k", "dev", 0, [])
    found = figures(report)
    # Three of four questions share words with the right sentence alone, the last with the other one alone.
    recall = found["qed-adaptive", "bm25", "answer recall"]
    assert (recall["mean"], recall["n"], recall["target"], recall["met"]) == (0.75, 4, "≥ 0.95", False)
    assert found["qed-adaptive", "bm25", "support recall"]["mean"] == 0.75
    assert found["nq-open-adaptive", "bm25", "answer recall"]["mean"] == 0.75
    assert found["selqa-adaptive", "bm25", "right sentence"]["mean"] == 0.75
    assert found["selqa-ranking", "bm25", "MAP"]["mean"] == (1 + 1 + 1 + 0.5) / 4
    assert found["qed-adaptive", "bm25:k1=0.5", "answer recall"]["mean"] == 0.75
    count = load_counter()
    right = [count(f"qed {i}\nAuthor{i} wrote book {i}.") for i in range(4)]
    whole = [count(f"qed {i}\n{OTHER} Author{i} wrote book {i}.") for i in range(4)]
    shares = [r / w for r, w in zip([*right[:3], count(f"qed 3\n{OTHER}")], whole, strict=True)]
    best = [r / w for r, w in zip(right, whole, strict=True)]
    assert found["qed-adaptive", "bm25", "kept"]["mean"] == pytest.approx(sum(shares) / 4)
    assert found["qed-adaptive", "bm25", "kept ÷ oracle"]["mean"] == pytest.approx(sum(shares) / sum(best))
    heads = [row for row in report["rows"] if row["compressor"] == "head"]
    assert {row["applicable"] for row in heads} == {False}
    assert [row["figures"] for row in heads] == [[]] * 4


def test_the_table_holds_the_first_against_the_targets_and_shows_the_others_beside_it(
    data_dir: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    written = tmp_path / "report.md"
    ask = ("--data-dir", str(data_dir), "--compressors", "bm25,head", "--parts", "selqa-ranking,qed-adaptive")
    status, out, err = run(capsys, *ask, "--markdown", str(written))
    assert (status, err.strip()) == (0, "")
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if "│" in line]
    assert lines[0][:2] == ["SelQA, sentences ranked", "MAP"]
    assert lines[0][2:] == ["4", "0.875", lines[0][4], "≥ 0.90", "missed", "–", "n/a"]
    low, high = map(float, lines[0][4].split("–"))
    assert 0.5 <= low < 0.875 < high <= 1
    assert [line[1] for line in lines if line[0] == ""] == ["MRR", "kept ÷ oracle", "kept", "support recall"]
    markdown = written.read_text(encoding="utf-8").splitlines()
    header = next(line for line in markdown if line.startswith("| data"))
    assert header == "| data | figure | n | bm25 | 95% | target | met | best peer | head |"
    assert f"| {' | '.join(lines[0])} |" in markdown


def test_what_the_first_lost_is_written_line_by_line(
    data_dir: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    written = tmp_path / "lost.jsonl"
    ask = ("--data-dir", str(data_dir), "--compressors", "bm25,bm25:b=0.1", "--parts", "qed-adaptive")
    assert run(capsys, *ask, "--failures", str(written))[0] == 0
    (loss,) = [json.loads(line) for line in written.read_text(encoding="utf-8").splitlines()]
    assert (loss["compressor"], loss["id"], loss["answers"]) == ("bm25", "qed3", ["Author3"])
    assert [sentence["text"] for sentence in loss["lost"]] == ["Author3 wrote book 3."]
    assert [sentence["text"] for sentence in loss["kept"]] == [OTHER]


def test_a_limit_takes_the_first_questions_of_each_part(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = ("--data-dir", str(data_dir), "--compressors", "bm25", "--json", "--limit", "3")
    _, out, _ = run(capsys, *ask, "--parts", "qed-adaptive,selqa-ranking")
    found = figures(json.loads(out))
    assert {figure["n"] for figure in found.values()} == {3}
    assert found["qed-adaptive", "bm25", "answer recall"]["met"] is True


def test_the_time_is_taken_beside_the_peers(
    data_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def peer() -> Callable[[Example], Callable[[], object]]:
        return lambda example: lambda: asked.append(example.id)

    monkeypatch.setattr(bench_exit_run, "sentence_optimizer", peer)
    (data_dir / "qed.dev.jsonl").rename(data_dir / "hotpotqa.dev.jsonl")
    ask = ("--data-dir", str(data_dir), "--compressors", "bm25,head", "--parts", "seconds", "--timed", "3")
    status, out, _ = run(capsys, *ask, "--json")
    report = json.loads(out)
    assert status == 0
    assert asked == ["qed0", "qed1", "qed0", "qed1", "qed2"]
    names = [row["contender"] for row in report["seconds"]]
    assert names == ["bm25", "head", "SentenceEmbeddingOptimizer"]
    for row in report["seconds"]:
        median, to_median, mean, to_mean = row["figures"]
        assert {f["n"] for f in row["figures"]} == {3}
        assert median["mean"] > 0
        assert mean["mean"] > 0
        assert to_median["figure"] == "median ÷ peer"
        assert to_mean["met"] is None
    assert to_median["mean"] == to_mean["mean"] == 1
    status, out, _ = run(capsys, *ask)
    assert "SentenceEmbeddingOptimizer │ 3" in out


def test_absent_data_are_said_once_and_are_no_error(
    data_dir: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    status, out, err = run(capsys, "--data-dir", str(empty), "--compressors", "bm25")
    assert (status, out) == (0, "")
    assert err.count("\n") == 1
    assert err.startswith("nothing to measure: data set 'hotpotqa' is not here")
    ask = ("--data-dir", str(data_dir), "--compressors", "bm25", "--json")
    status, out, err = run(capsys, *ask)
    assert status == 0
    assert {row["part"] for row in json.loads(out)["rows"]} == {
        *("qed-random", "selqa-ranking", "qed-adaptive", "nq-open-adaptive", "selqa-adaptive")
    }
    skipped = err.strip().splitlines()
    assert len(skipped) == 3
    assert skipped[0].startswith(
        "skipped hotpotqa, stand-in-2wiki, stand-in-hotpotqa, hotpotqa-adaptive, seconds:"
    )
    assert "skipped 2wiki, 2wiki-adaptive: data set '2wikimultihopqa' is not here" in skipped[1]
    assert "skipped qed-nearest, squad2-unanswerable, squad2-answerable: data set 'squad2'" in skipped[2]


def test_failures_are_shown_and_set_the_status(
    data_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Bm25Compressor):
        def _score_batch(self, tasks: Sequence[Task]) -> list[list[list[Span]]]:
            raise ZeroDivisionError("out of terms")

    monkeypatch.setitem(BASELINES, "broken", Broken)
    ask = ("--data-dir", str(data_dir), "--compressors", "bm25,broken", "--parts", "qed-adaptive")
    status, out, err = run(capsys, *ask)
    assert status == 1
    assert "0.750" in out
    assert "broken in qed-adaptive failed on 4 questions, first on qed0:" in err
    assert "ZeroDivisionError: out of terms" in err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--compressors", "nonne"), "[unknown_compressor]"),
        (("--compressors", "bm25:k1"), "[invalid_input]"),
        (("--compressors", "bm25", "--failures", "no/such/folder/x"), "[invalid_input]"),
        (("--compressors", "bm25", "--markdown", "no/such/folder/x"), "[invalid_input]"),
    ],
)
def test_what_cannot_start_ends_with_its_code(
    arguments: tuple[str, ...], code: str, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, "--data-dir", str(data_dir), *arguments)
    assert (status, out) == (2, "")
    assert code in err


def test_damaged_data_end_the_run_with_their_code(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data_dir / "qed.dev.jsonl").write_text("{}\n")
    ask = ("--data-dir", str(data_dir), "--compressors", "bm25", "--parts", "qed-adaptive")
    status, _, err = run(capsys, *ask)
    assert status == 2
    assert "[data_damaged]" in err


@pytest.mark.parametrize(
    "arguments", [("--parts", "qed"), ("--limit", "0"), ("--timed", "x"), ("--parts", "")]
)
def test_impossible_arguments_are_refused(
    arguments: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_all_is_every_part(
    data_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def draw(parts: list[str], *_: object, **__: object) -> dict[str, list[Example]]:
        asked.append(parts)
        return {}

    monkeypatch.setattr(bench_exit, "draw", draw)
    for more in ((), ("--parts", "all"), ("--parts", "seconds,all")):
        assert run(capsys, "--compressors", "head", *more) == (0, "", "")
    assert asked == [[*PARTS, "seconds"]] * 3
