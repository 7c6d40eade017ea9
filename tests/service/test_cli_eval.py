"""``tersus eval`` from the command line to SQL."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Cli = Callable[..., Result]


QUESTIONS = Path(__file__).parents[1] / "eval" / "gate_data" / "questions.jsonl"
ASKED = ("--compressors", "none,bm25", "--ratios", "0.25", "--reader", "oracle", "--limit", "6")


def test_a_run_is_made_reported_listed_compared_and_gated(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run = cli("eval", "run", "-d", str(QUESTIONS), *ASKED, "-o", str(folder))
    assert run.exit_code == 0, run.output
    assert "6 questions, 2 units of work left" in run.stderr
    assert "too few to recommend" in run.stdout
    assert {"report.html", "report.md", "report.csv", "report.json", "scores.json"} <= {
        file.name for file in folder.iterdir()
    }
    again = cli("eval", "run", "-d", str(QUESTIONS), *ASKED, "-o", str(folder), "--json")
    assert json.loads(again.stdout)["sizes"] == {"questions": 6}
    (listed,) = json.loads(cli("eval", "list", "--json").stdout)["evaluations"]
    assert (listed["questions"], listed["folder"]) == (6, str(folder))
    assert "run" in cli("eval", "list").stdout
    compared = json.loads(cli("eval", "compare", str(folder), str(folder / "scores.json"), "--json").stdout)
    assert {change["quality"]["mean"] for change in compared["changes"]} == {0.0}
    assert "bm25" in cli("eval", "compare", str(folder), str(folder)).stdout
    assert cli("eval", "gate", str(folder), "--baseline", str(folder / "scores.json")).exit_code == 0
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    cell = scores["cells"]["questions|bm25|0.25|oracle"]
    cell["scores"]["f1"] = [2.0] * 6
    (folder / "scores.json").write_text(json.dumps(scores), encoding="utf-8")
    worse = cli("eval", "gate", str(folder), "--baseline", str(folder / "scores.json"))
    assert worse.exit_code == 1
    assert "f1 fell by" in worse.stdout
    report = cli("eval", "report", str(folder), "--no-store", "--json")
    assert json.loads(report.stdout)["id"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "-o", "out", "-d", "x.jsonl", "--compressors", "none"), "there is no data file x.jsonl"),
        (("run", "-o", "out", "--compressors", "none"), "datasets"),
        (("run", "-o", "out", "-d", "a", "--compressors", "none", "--since", "7d"), "--from-ledger"),
        (("run", "-o", "out", "-d", "a", "--compressors", "nothing"), "nothing"),
        (("report", "nowhere"), "holds no finished run"),
        (("gate", "nowhere", "--baseline", "neither"), "there is no"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    result = cli("eval", *arguments)
    assert result.exit_code in (1, 2)
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_what_a_paid_reader_costs_is_said_before_it_is_asked(cli: Cli, tmp_path: Path) -> None:
    asked = [part if part != "oracle" else "http://127.0.0.1:9/v1#gpt-5" for part in ASKED]
    refused = cli("eval", "run", "-d", str(QUESTIONS), *asked, "-o", str(tmp_path / "run"), stdin="n\n")
    assert refused.exit_code == 2
    assert "will cost at most 0.0" in refused.stderr
    assert not (tmp_path / "run" / "results.jsonl").exists()
