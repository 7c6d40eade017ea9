"""``--keep``: patterns whose text stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

TEXT = (
    "The lighthouse of Norrvik was built in 1887 by the engineer Astrid Holm. "
    "Gulls nest on the roof in spring. A ferry calls on Tuesdays. Rye bread needs an old sourdough. "
    "The keeper's cat is grey."
)
QUESTION = "Who built the lighthouse of Norrvik?"


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    file = tmp_path / "norrvik.txt"
    file.write_text(TEXT, encoding="utf-8")
    return file


def test_what_a_pattern_matches_is_kept_first(cli: Any, text_file: Path) -> None:
    ask = ("compress", "-q", QUESTION, "--max-tokens", "30", "--json", text_file)
    assert "sourdough" not in json.loads(cli(*ask).stdout)["context"]
    found = json.loads(cli(*ask, "--keep", r"\bsour\w+", "--keep", "(?i)GREY").stdout)
    assert "Rye bread needs an old sourdough." in found["context"]
    assert "The keeper's cat is grey." in found["context"]
    assert found["tokens_after"] <= 30


def test_patterns_of_the_settings_hold_besides(
    cli: Any, text_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERSUS_KEEP", '["ferry"]')
    found = json.loads(
        cli("compress", "-q", QUESTION, "--max-tokens", "25", "--keep", "grey", "--json", text_file).stdout
    )
    assert "A ferry calls on Tuesdays." in found["context"]
    assert "The keeper's cat is grey." in found["context"]


def test_what_found_no_room_is_said(cli: Any, text_file: Path) -> None:
    result = cli("compress", "-q", QUESTION, "--max-tokens", "18", "--keep", "Gulls|ferry|Rye|cat", text_file)
    assert result.exit_code == 0
    assert "of 4 matches of keep patterns were lost" in result.stderr


def test_a_query_keeps_what_a_pattern_matches(cli: Any, filled: Path) -> None:
    ask = ("query", QUESTION, "--collection", "docs", "--context-only", "--ratio", "0.4", "--json")
    assert "linen" not in json.loads(cli(*ask).stdout)["context"]
    found = json.loads(cli(*ask, "--keep", "linen").stdout)
    assert "wrapped in linen." in found["context"]


def test_a_broken_pattern_is_a_mistake_in_the_command(cli: Any, text_file: Path, filled: Path) -> None:
    for command in (
        ("compress", "-q", QUESTION, text_file),
        ("query", QUESTION, "--collection", "docs", "--context-only"),
    ):
        result = cli(*command, "--keep", "fine", "--keep", "(a", "--json")
        assert (result.exit_code, result.stdout) == (2, "")
        error = json.loads(result.stderr)["error"]
        assert error["code"] == "usage"
        assert error["message"].startswith("--keep: keep pattern 2 ('(a') is broken at position 2")


def test_no_compress_and_keep_exclude_each_other(cli: Any, filled: Path) -> None:
    result = cli("query", QUESTION, "--collection", "docs", "--no-compress", "--keep", "x", "--json")
    assert result.exit_code == 2
    assert "--keep" in json.loads(result.stderr)["error"]["message"]
