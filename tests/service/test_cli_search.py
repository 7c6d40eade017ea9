"""``tersus search``, and the options of a search in ``tersus query``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ASK = ("Who built the lighthouse of Norrvik?", "-c", "docs")


def found(cli: Any, *options: str) -> list[dict[str, Any]]:
    result = cli("search", *ASK, "--json", *options)
    assert result.exit_code == 0, result.stderr
    passages: list[dict[str, Any]] = json.loads(result.stdout)["passages"]
    return passages


def test_passages_come_with_scores_and_no_row_is_written(
    cli: Any, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERSUS_MODELS_DIR", str(tmp_path / "no-models"))  # no language model is needed
    for mode in ("dense", "bm25", "hybrid"):
        passages = found(cli, "--mode", mode)
        assert passages[0]["document"].endswith("/lighthouse.md")
        scores = [passage["score"] for passage in passages]
        assert scores == sorted(scores, reverse=True)
    assert found(cli) == found(cli, "--mode", "dense")
    assert json.loads(cli("log", "--json").stdout)["queries"] == []


def test_the_environment_names_the_mode(cli: Any, filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERSUS_SEARCH", "bm25")
    assert found(cli) == found(cli, "--mode", "bm25") != found(cli, "--mode", "hybrid")
    monkeypatch.setenv("TERSUS_SEARCH", "sparse")
    assert json.loads(cli("search", *ASK, "--json").stderr)["error"]["code"] == "invalid_settings"


def test_people_read_a_table(cli: Any, filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")  # a long path is not folded
    result = cli("search", *ASK, "--mode", "bm25", "--top-k", "1")
    assert result.exit_code == 0
    assert "The lighthouse of Norrvik" in result.stdout
    assert "lighthouse.md" in result.stdout
    assert f"{found(cli, '--mode', 'bm25')[0]['score']:.2f}" in result.stdout
    nothing = cli("search", "unheardof", "-c", "docs", "--mode", "bm25")
    assert (nothing.exit_code, nothing.stdout) == (0, "Nothing found in 'docs'.\n")
    escape = cli("search", "escape tag", "-c", "docs", "--mode", "bm25")
    assert "[link=http://x]escape" in escape.stdout
    assert "\x1b" not in escape.stdout


def test_filters_and_the_least_score_narrow(cli: Any, filled: Path) -> None:
    title = '{"field": "document_title", "equals": "bread"}'
    assert {passage["title"] for passage in found(cli, "--filter", title)} == {"bread"}
    assert "bread" not in {p["title"] for p in found(cli, "--filter", f'{{"not": {title}}}')}
    least = found(cli)[0]["score"] - 1e-4
    assert len(found(cli, "--min-score", str(least))) == 1
    assert found(cli, "--min-score", "0.9999") == []
    assert found(cli, "--mmr", "1") == found(cli)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--mode", "sparse"], "dense, bm25, hybrid"),
        (["--filter", "lang=en"], "--filter is no JSON"),
        (["--filter", "null"], "--filter is null"),
        (["--filter", '{"lang": "en"}'], "equals"),
        (["--min-score", "2"], "-1 to 1"),
        (["--mmr", "nan"], "0 to 1"),
    ],
)
@pytest.mark.parametrize("command", [["search"], ["query", "--context-only"]])
def test_what_cannot_be_asked_is_told(
    cli: Any, filled: Path, command: list[str], options: list[str], told: str
) -> None:
    result = cli(command[0], *ASK, *command[1:], *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr
    assert "hint:" in result.stderr


def test_an_empty_question_and_an_unknown_collection_are_errors(cli: Any, filled: Path) -> None:
    assert "the question is empty" in cli("search", " ", "-c", "docs").stderr
    error = json.loads(cli("search", "x", "-c", "dogs", "--json").stderr)["error"]
    assert error["code"] == "unknown_collection"


def test_query_takes_the_same_options(cli: Any, filled: Path) -> None:
    options = ("--mode", "hybrid", "--top-k", "2", "--window", "1", "--filter", '{"not": {"or": []}}')
    result = cli("query", *ASK, "--context-only", "--no-compress", "--json", *options)
    assert result.exit_code == 0, result.stderr
    asked = json.loads(result.stdout)["passages"]
    expected = found(cli, *options)
    assert [(p["id"], p["text"], p["score"]) for p in asked] == [
        (p["id"], p["text"], p["score"]) for p in expected
    ]
    nothing = cli("query", *ASK, "--context-only", "--json", "--filter", '{"or": []}')
    assert (nothing.exit_code, json.loads(nothing.stderr)["error"]["code"]) == (1, "nothing_found")
