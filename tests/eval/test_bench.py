"""The bench: figures of a small data set, failures as data, skipping, and the command line."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from tersus.compressors import (
    CompressedPassage,
    Compressor,
    Draft,
    Span,
    Task,
    available_compressors,
    load_counter,
)
from tersus.errors import NotInstalled
from tersus.eval.baselines import Bm25Compressor
from tersus.eval.bench import SETS, main
from tersus.eval.bench_options import with_all
from tersus.eval.bench_run import evaluate
from tersus.eval.data import EvalPassage, Example, join_sentences


def example(number: int, answers: Sequence[str], sentences: list[str], supporting: list[int]) -> Example:
    text, spans = join_sentences(sentences)
    passage = EvalPassage(text, "T", True, spans, tuple(supporting))
    return Example(f"q{number}", "what?", tuple(answers), (passage,), "toy")


EXAMPLES = [
    example(0, ["red"], ["It is red.", "It is big.", "It is old."], [0]),
    example(1, ["big"], ["It is red.", "It is big.", "It is old."], [1]),
    example(2, ["old"], ["It is red.", "It is big."], [0, 1]),  # the answer stands nowhere
    example(3, ["yes"], ["Yes it is.", "It is big."], []),
]


class FirstSentence(Compressor):
    name = "first"
    summary = "Up to the first full stop"

    def _compress_batch(self, tasks: Sequence[Task]) -> Sequence[Draft]:
        return [
            Draft([CompressedPassage.of(p, [Span(0, p.text.index(".") + 1)]) for p in task.passages])
            for task in tasks
        ]


class FailsOnYes(FirstSentence):
    name = "fails"

    def _compress_batch(self, tasks: Sequence[Task]) -> Sequence[Draft]:
        if any("Yes" in p.text for task in tasks for p in task.passages):
            raise ZeroDivisionError("no answer to yes")
        return super()._compress_batch(tasks)


class NeedsModel(FirstSentence):
    name = "needs"

    def _compress_batch(self, tasks: Sequence[Task]) -> Sequence[Draft]:
        raise NotInstalled("no model here", hint="install it")


def test_a_row_holds_the_figures_that_can_be_worked_out_by_hand() -> None:
    steps: list[int] = []
    row = evaluate(FirstSentence(), EXAMPLES, 0.4, data="toy", advance=lambda: steps.append(1))
    count = load_counter()
    before = [count(f"T\n{e.passages[0].text}") for e in EXAMPLES]
    after = [count(f"T\n{first}") for first in ("It is red.", "It is red.", "It is red.", "Yes it is.")]
    assert len(steps) == row.questions == 4
    assert row.kept_micro == pytest.approx(sum(after) / sum(before))
    shares = [a / b for a, b in zip(after, before, strict=True)]
    assert row.kept_macro == pytest.approx(sum(shares) / 4)
    assert row.ratio_met == sum(0.38 <= share <= 0.42 for share in shares) / 4
    # Found, lost, never there, a judgement.
    assert (row.answer_recall.mean, row.answer_recall.count, row.answer_recall.excluded) == (0.5, 2, 2)
    # 1, 0, half, no label.
    assert (row.support_recall.mean, row.support_recall.count, row.support_recall.excluded) == (0.5, 3, 1)
    assert row.support_precision.mean == pytest.approx((1 + 0 + 1) / 3)
    assert row.failures == ()
    assert row.seconds is not None
    assert row.seconds > 0


def test_a_failure_is_recorded_with_its_traceback_and_the_run_goes_on() -> None:
    row = evaluate(FailsOnYes(), [EXAMPLES[3], *EXAMPLES], 0.4, data="toy")
    assert row.questions == 3
    assert [f.id for f in row.failures] == ["q3", "q3"]
    assert row.failures[0].error == "ZeroDivisionError: no answer to yes"
    assert "_compress_batch" in row.failures[0].traceback


def test_a_missing_model_ends_the_run_since_no_question_could_succeed() -> None:
    with pytest.raises(NotInstalled):
        evaluate(NeedsModel(), EXAMPLES, 0.4, data="toy")


def test_no_examples_make_a_row_without_figures() -> None:
    row = evaluate(FirstSentence(), [], 0.4, data="toy")
    assert (row.questions, row.kept_micro, row.ratio_met, row.seconds) == (0, None, None, None)
    assert row.answer_recall.mean is None


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    rows = [
        {
            "id": f"q{i}",
            "question": f"Who wrote book {i}?",
            "answers": [f"Author {i}"],
            "passages": [
                {
                    "title": f"Book {j}",
                    "sentences": ["It is long and not very exciting.", f"Author {j} wrote book {j}."],
                    "supporting": [1] if i == j else [],
                }
                for j in range(6)
            ],
            "source": "toy",
        }
        for i in range(6)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "toy.dev.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(arguments)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_json_holds_every_row_and_what_was_measured_how(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = run(
        capsys,
        *("--sets", "toy", "--data-dir", str(data_dir), "--json", "--limit", "5"),
        *("--compressors", "none,head,bm25", "--ratios", "0.15,0.5"),
    )
    report = json.loads(out)
    assert status == 0
    assert report["metrics"] == [
        *("kept_micro/1", "kept_macro/1", "answer_recall/1", "support_recall/1", "support_precision/1")
    ]
    assert (report["counter"], report["limit"], report["split"]) == ("cl100k", 5, "dev")
    rows = {(r["compressor"], r["ratio"]): r for r in report["rows"]}
    assert list(rows) == [("none", None), ("head", 0.15), ("head", 0.5), ("bm25", 0.15), ("bm25", 0.5)]
    assert {r["data"] for r in rows.values()} == {"toy.dev"}
    assert {r["questions"] for r in rows.values()} == {5}
    whole = rows["none", None]
    assert (whole["kept_micro"], whole["answer_recall"]["mean"], whole["support_recall"]["mean"]) == (1, 1, 1)
    # Half of six equal passages are the first three: their questions are answered, the other two are not.
    assert rows["head", 0.5]["support_recall"]["mean"] == 0.6
    assert rows["head", 0.5]["answer_recall"]["mean"] == 0.6
    # The question's own number tells the right sentence.
    assert rows["bm25", 0.15]["support_recall"]["mean"] == 1
    assert rows["bm25", 0.15]["kept_micro"] <= 0.17


def test_the_table_shows_each_compressor_and_nothing_else_goes_to_standard_output(
    data_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERSUS_DATA_DIR", str(data_dir))
    status, out, _ = run(capsys, "--sets", "toy", "--compressors", "none,head", "--ratios", "0.5")
    assert status == 0
    lines = {line.split("│")[2].strip(): line for line in out.splitlines() if "toy.dev" in line}
    assert list(lines) == ["none", "head"]
    assert "1.00 [1.00, 1.00]" in lines["none"]
    assert "0.50 [" in lines["head"]
    assert out.lstrip().startswith("Compressors on labelled questions")


def test_absent_data_are_skipped_with_a_word_and_no_error(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--data-dir", str(data_dir), "--compressors", "none", "--json")
    status, out, err = run(capsys, *arguments)
    assert status == 0
    assert json.loads(out)["rows"] == []
    for name in SETS:
        assert f"skipped data set '{name}' is not here" in err
    assert "nothing to measure" in err
    status, out, err = run(capsys, *arguments, "--sets", "absent,toy")
    assert (status, len(json.loads(out)["rows"])) == (0, 1)
    assert "'absent' is not here" in err


def test_damaged_data_and_unknown_compressors_end_with_their_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "toy.dev.jsonl").write_text("{}\n")
    status, _, err = run(capsys, "--sets", "toy", "--data-dir", str(tmp_path), "--compressors", "none")
    assert status == 2
    assert "[data_damaged]" in err
    assert "line 1" in err
    status, out, err = run(capsys, "--compressors", "nonne")
    assert (status, out) == (2, "")
    assert "[unknown_compressor]" in err
    assert "did you mean none?" in err


def test_failures_are_shown_after_the_table_and_set_the_status(
    data_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Bm25Compressor, tasks: Sequence[Task]) -> list[list[list[Span]]]:
        raise ZeroDivisionError("out of terms")

    monkeypatch.setattr(Bm25Compressor, "_score_batch", broken)
    status, out, err = run(
        capsys, "--sets", "toy", "--data-dir", str(data_dir), "--compressors", "bm25", "--json"
    )
    assert status == 1
    (row,) = json.loads(out)["rows"]
    assert (row["questions"], len(row["failures"])) == (0, 6)
    assert "bm25 failed on 6 questions of toy.dev, first on q0:" in err
    assert "ZeroDivisionError: out of terms" in err


def test_a_compressor_without_its_model_is_skipped_with_a_word_where_others_can_go_on(
    data_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tersus.eval.bench.load", lambda name: NeedsModel() if name == "needs" else Bm25Compressor()
    )
    arguments = ("--sets", "toy", "--data-dir", str(data_dir), "--json", "--ratios", "0.5")
    status, out, err = run(capsys, *arguments, "--compressors", "needs,bm25")
    assert status == 0
    assert [row["compressor"] for row in json.loads(out)["rows"]] == ["bm25"]
    assert "skipped needs: no model here" in err
    assert run(capsys, *arguments, "--compressors", "needs")[0] == 2


def test_all_stands_for_the_baselines_every_compressor_and_a_chain() -> None:
    found = with_all(["none", "all", "head"])
    assert len(found) == len(set(found))
    assert {"head", "bm25", "exit", "none", "exit+frugal"} <= set(found)
    assert set(available_compressors()) <= set(found)


@pytest.mark.parametrize(
    "arguments",
    [
        *(("--ratios", value) for value in ("0", "1.5", "x", "nan", "")),
        *(("--limit", value) for value in ("0", "-1", "many")),
        ("--compressors", ","),
        ("--sets", ""),
    ],
)
def test_impossible_arguments_are_refused(
    arguments: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert arguments[0] in capsys.readouterr().err
