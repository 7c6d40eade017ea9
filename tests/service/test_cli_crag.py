"""``tersus crag``: summaries of a collection from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

TEXTS = {
    "lamp/one.txt": "The lamp is bright. It is cheap, and the lamp is bright enough to read by.",
    "lamp/two.txt": "The cable of the lamp is too short. A longer cable would help.",
    "pen/one.txt": "Ink leaks from the pen. My shirt is blue now.",
}


@pytest.fixture
def ingested(cli: Any, tmp_path: Path) -> Path:
    folder = tmp_path / "reviews"
    for name, text in TEXTS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    result = cli("ingest", folder, "--collection", "reviews", "--json")
    assert result.exit_code == 0, result.stderr
    return folder


def build(cli: Any, *more: str) -> dict[str, Any]:
    result = cli("crag", "build", "--collection", "reviews", "--group-by", "folder", "--json", *more)
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_build_show_and_ask(cli: Any, ingested: Path) -> None:
    first = build(cli)
    assert (first["groups"], first["passages"], first["reused"]) == (2, 3, 0)
    assert build(cli)["summarised"] == 0
    listed = json.loads(cli("crag", "show", "--collection", "reviews", "--json").stdout)
    labels = [one["group"] for one in listed["groups"]]
    assert [label.rpartition("/")[2] for label in labels] == ["lamp", "pen"]
    assert not listed["stale"]
    whole = cli("crag", "show", "--collection", "reviews", "--group", labels[1])
    assert "Ink leaks from the pen." in whole.stdout
    assert "Passages" in cli("crag", "show", "--collection", "reviews").stdout
    asked = cli(
        "crag", "ask", "What leaks?", "--collection", "reviews", "--top-k", "1", "--context-only", "--json"
    )
    assert asked.exit_code == 0, asked.stderr
    found = json.loads(asked.stdout)
    assert "Ink leaks" in found["context"]
    assert found["tokens_saved"] == 0
    assert found["outcome"] == "bypassed"
    assert len(json.loads(cli("log", "--json").stdout)["queries"]) == 1


def test_documents_that_came_or_went_make_it_stale_until_the_next_build(cli: Any, ingested: Path) -> None:
    build(cli)
    (ingested / "pen" / "two.txt").write_text("The pen writes well on thick paper.", encoding="utf-8")
    assert cli("ingest", ingested, "--collection", "reviews", "--json").exit_code == 0
    assert "brings it up to date" in cli("crag", "show", "--collection", "reviews").stdout
    again = build(cli)
    assert again["passages"] == 4
    assert again["reused"] >= 1
    shown = cli("crag", "build", "--collection", "reviews", "--group-by", "folder").stdout
    assert "4 passages, 2 groups" in shown
    assert "0 summarised" in shown


def test_what_is_not_there_is_said_with_what_helps(cli: Any, ingested: Path) -> None:
    nothing = cli("crag", "show", "--collection", "reviews")
    assert nothing.exit_code == 1
    assert "tersus crag build --collection reviews" in nothing.stderr
    field = cli("crag", "build", "--collection", "reviews", "--group-by", "colour")
    assert field.exit_code == 1
    assert "folder" in field.stderr
    assert cli("crag", "build", "--collection", "nowhere").exit_code == 1
    wrong = cli("crag", "build", "--collection", "reviews", "--summariser", "poet")
    assert wrong.exit_code == 1
    assert "extractive" in wrong.stderr
    assert cli("crag", "ask", " ", "--collection", "reviews").exit_code == 1
