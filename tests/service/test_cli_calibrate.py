"""``tersus calibrate``: labelled questions in, a stored promise out, and ``--risk`` uses it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tersus.compressors import Compressor, compressor_class
from tersus.compressors.calibration_json import read_calibration
from tersus.eval.baselines import Bm25Compressor
from tersus.eval.calibrate import score_examples
from tersus.eval.data import read_examples
from tersus.eval.resample import resample


@pytest.fixture(autouse=True)
def _bm25(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compressor without a model is installed besides the others."""

    def load(name: str, **options: Any) -> Compressor:
        return Bm25Compressor() if name == "bm25" else compressor_class(name)(**options)

    monkeypatch.setattr("tersus.compressors.load_compressor", load)
    monkeypatch.setattr("tersus.rag.pipeline.load_compressor", load)
    monkeypatch.setenv("TERSUS_COMPRESSOR", "bm25")


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """60 questions; the answer's sentence shares 0 to 5 words with the question. And one unanswerable."""
    path = tmp_path / "asked.jsonl"
    lines: list[dict[str, Any]] = []
    for number in range(60):
        shared = " ".join(f"w{i}" for i in range(number % 6))
        text = f"The {shared} is answer{number}. Also here. Nothing else."
        lines.append(
            {"question": "w0 w1 w2 w3 w4 ?", "answers": [f"answer{number}"], "passages": [{"text": text}]}
        )
    lines.append({"question": "w0 ?", "answers": [], "passages": [{"text": "w0."}], "is_impossible": True})
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    return path


def error_of(result: Any) -> tuple[int, str, str]:
    """Exit status, code and hint of an error that was printed as JSON; stdout holds nothing."""
    assert result.stdout == ""
    error = json.loads(result.stderr)["error"]
    return result.exit_code, error["code"], str(error["hint"])


def test_json_has_the_threshold_that_the_library_finds(cli: Any, questions: Path) -> None:
    found = json.loads(
        cli("calibrate", "--data", questions, "--risk", "0.2", "--risk", "0.4", "--check", "--json").stdout
    )
    scored = score_examples(Bm25Compressor(), read_examples(questions))
    first, second = found["calibrations"]
    for one, risk in ((first, 0.2), (second, 0.4)):
        expected = scored.calibration(risk)
        assert (one["threshold"], one["risk"], one["size"]) == (expected.threshold, risk, 60)
        assert one["kept_text"] == scored.kept_text(expected.threshold)
        checked = resample(scored.critical, risk)
        assert (one["check"]["mean"], one["check"]["verdict"]) == (checked.mean, checked.verdict)
    assert 0 < first["threshold"] < second["threshold"]
    assert (found["compressor"], found["fingerprint"], found["data"]) == ("bm25", "bm25", "asked")
    assert (found["questions"], found["basis"]) == (60, {"string": 60})
    assert found["left_out"] == {"unanswerable": 1, "not_in_passages": 0}


def test_what_is_stored_is_listed_and_compress_uses_it(cli: Any, questions: Path, tmp_path: Path) -> None:
    assert "No calibrations" in cli("calibrate", "--list").stdout
    made = json.loads(cli("calibrate", "--data", questions, "--risk", "0.3", "--json").stdout)
    (listed,) = json.loads(cli("calibrate", "--list", "--json").stdout)["calibrations"]
    assert listed["threshold"] == made["calibrations"][0]["threshold"]
    assert (listed["collection"], listed["compressor"], listed["data"]) == (None, "bm25", "asked")
    shown = cli("calibrate", "--list").stdout
    assert "(any)" in shown
    assert f"{listed['threshold']:.6g}" in shown

    text = tmp_path / "text.txt"
    text.write_text("Here w0 w1 w2 w3 w4 stand. Nothing at all. The w0 alone.", encoding="utf-8")
    ask = ("compress", text, "--query", "w0 w1 w2 w3 w4 ?", "--json")
    found = json.loads(cli(*ask, "--risk", "0.35").stdout)
    scores = Bm25Compressor().score("w0 w1 w2 w3 w4 ?", [_passage(text)])[0]
    kept = [span for span in scores if span.score >= listed["threshold"]]
    assert [span["start"] for span in found["passages"][0]["kept"]] == [span.start for span in kept]
    assert 0 < len(kept) < len(scores)
    assert found["budget"] == "risk=0.35"
    assert "on asked, which promises risk=0.3: threshold" in found["reason"]
    unrecorded = json.loads(cli(*ask, "--risk", "0.35", "--no-record").stdout)
    assert (unrecorded["context"], unrecorded["reason"]) == (found["context"], found["reason"])
    (row,) = json.loads(cli("log", "--json").stdout)["queries"]
    assert (row["budget"], row["reason"]) == ("risk=0.35", found["reason"])


def _passage(path: Path) -> Any:
    from tersus.compressors import Passage

    return Passage(path.read_text(), title=path.name)


def test_a_collections_own_calibration_is_used_for_it_alone(cli: Any, filled: Path, questions: Path) -> None:
    cli("calibrate", "--data", questions, "--risk", "0.3", "--collection", "docs")
    ask = ("query", "Who built the lighthouse of Norrvik?", "-c", "docs", "--context-only", "--json")
    found = json.loads(cli(*ask, "--risk", "0.3").stdout)
    assert "the calibration for collection docs on asked: threshold" in found["reason"]
    assert found["budget"] == "risk=0.3"
    status, code, hint = error_of(cli(*ask, "--risk", "0.1"))
    assert (status, code) == (1, "calibration_missing")
    assert "tersus calibrate --data FILE --risk 0.1 --compressor bm25 --collection docs" in hint
    assert len(json.loads(cli("log", "--json").stdout)["queries"]) == 1
    other = cli("compress", questions.parent / "texts" / "none.txt", "-q", "x", "--risk", "0.3", "--json")
    assert error_of(other)[1] == "input_unreadable"


def test_people_read_what_it_rests_on(cli: Any, questions: Path) -> None:
    shown = cli("calibrate", "--data", questions, "--risk", "0.2", "--risk", "0.03", "--check").stdout
    assert "bm25 on asked: 60 questions (60 by answer's words)" in shown
    assert "1 left out: unanswerable" in shown
    assert "stored for any collection \u00b7 tersus query '...' --collection NAME --risk 0.2" in shown
    assert "holds" in shown
    assert "no check of risk 0.03: 30 calibration questions are too few" in shown


def test_a_file_is_written_in_place_of_the_database(cli: Any, questions: Path, tmp_path: Path) -> None:
    out = tmp_path / "calibrations.json"
    result = cli("calibrate", "--data", questions, "--risk", "0.2", "--out", out)
    assert result.exit_code == 0, result.stderr
    assert "written to" in result.stdout
    written = json.loads(out.read_text())
    expected = score_examples(Bm25Compressor(), read_examples(questions)).calibration(0.2)
    assert [read_calibration(one) for one in written["calibrations"]] == [expected]
    assert (written["compressor"], written["data"]) == ("bm25", "asked")
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ([], 2, "usage"),
        (["--list", "--risk", "0.1"], 2, "usage"),
        (["--data", "asked.jsonl", "--risk", "5"], 2, "usage"),
        (["--data", "asked.jsonl", "--out", "x.json", "--collection", "docs"], 2, "usage"),
        (["--data", "asked.jsonl", "--risk", "0.01"], 1, "risk_too_small"),
        (["--data", "asked.jsonl", "--limit", "18"], 1, "risk_too_small"),
        (["--data", "asked.jsonl", "--compressor", "none"], 1, "invalid_input"),
        (["--data", "asked.jsonl", "--compressor", "nothing-like-it"], 1, "unknown_compressor"),
        (["--data", "asked.jsonl", "--collection", "nope"], 1, "unknown_collection"),
        (["--data", "absent.jsonl"], 1, "data_missing"),
        (["--data", "asked.jsonl", "--out", "no-folder/x.json"], 1, "output_not_written"),
        (["--data", "asked.jsonl", "--out", "home.jsonl"], 1, "output_not_written"),
    ],
)
def test_what_cannot_be_done_is_refused_and_stores_nothing(
    cli: Any, questions: Path, options: list[str], status: int, code: str
) -> None:
    (questions.parent / "home.jsonl").mkdir()
    assert error_of(cli("calibrate", *options, "--json"))[:2] == (status, code)
    assert json.loads(cli("calibrate", "--list", "--json").stdout) == {"calibrations": []}


def test_too_small_a_set_is_told_how_many_it_needs(cli: Any, questions: Path) -> None:
    result = cli("calibrate", "--data", questions, "--risk", "0.01")
    assert result.stderr.splitlines() == [
        "error: 61 calibration questions are too few to promise a risk of 0.01",
        "hint: give at least 99 questions whose answers stand in their passages, or ask for a risk of at "
        "least 0.017",
    ]


@pytest.mark.parametrize(
    "options", [["--ratio", "0.5", "--risk", "0.1"], ["--risk", "1"], ["--no-compress", "--risk", "0.1"]]
)
def test_a_risk_excludes_other_budgets(cli: Any, options: list[str]) -> None:
    assert error_of(cli("query", "Who?", "-c", "docs", *options, "--json"))[:2] == (2, "usage")
