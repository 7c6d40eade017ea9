"""``tersus clusters`` from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

LAMPS = ["bright", "cheap", "tall", "old", "green", "heavy"]
PENS = ["red", "blue", "black", "golden"]


@pytest.fixture
def shop(cli: Any, tmp_path: Path) -> Path:
    """Six notes on lamps and four on pens."""
    folder = tmp_path / "shop"
    folder.mkdir()
    for word in LAMPS:
        (folder / f"lamp-{word}.txt").write_text(
            f"A {word} lamp gives light to the room. The lamp hangs high."
        )
    for word in PENS:
        (folder / f"pen-{word}.txt").write_text(f"Ink leaks from the {word} pen. The pen writes on paper.")
    result = cli("ingest", folder, "--collection", "shop", "--json")
    assert result.exit_code == 0, result.stderr
    return folder


def shown(cli: Any, *more: str) -> dict[str, Any]:
    result = cli("clusters", "--collection", "shop", "--json", *more)
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_build_and_show(cli: Any, shop: Path) -> None:
    first = shown(cli, "--build", "--k", "2", "--seed", "3")
    assert (first["built"]["clusters"], first["built"]["chunks"]) == (2, 10)
    assert [one["chunks"] for one in first["clusters"]] == [6, 4]
    assert "lamp" in first["clusters"][0]["terms"]
    assert "pen" in first["clusters"][1]["terms"]
    assert (first["seed"], first["asked"]) == (3, 2)
    documents = {passage["document"] for passage in first["clusters"][1]["passages"]}
    assert all("pen-" in document for document in documents)
    again = shown(cli)
    assert "built" not in again
    assert again == {key: value for key, value in first.items() if key != "built"}
    table = cli("clusters", "--collection", "shop", "--terms", "3", "--passages", "1")
    assert table.exit_code == 0
    for word in ("Key terms", "60%", "40%", "lamp", "10 passages, 2 clusters"):
        assert word in table.stdout
    assert "anew" not in table.stdout
    assert [one["terms"] for one in shown(cli, "--terms", "0", "--limit", "1")["clusters"]] == [[]]


def test_documents_that_came_join_their_cluster_and_many_ask_for_a_rebuild(cli: Any, shop: Path) -> None:
    first = shown(cli, "--build", "--k", "2")
    pens = first["clusters"][1]["cluster"]
    for number in range(3):
        (shop / f"pen-new-{number}.txt").write_text(f"Ink leaks from pen {number}. The pen writes on paper.")
    assert cli("ingest", shop, "--collection", "shop", "--json").exit_code == 0
    sizes = {one["cluster"]: one["chunks"] for one in shown(cli)["clusters"]}
    assert sizes[pens] == 7
    told = cli("clusters", "--collection", "shop").stdout
    assert "3 chunks came and 0 went" in told
    assert "tersus clusters --collection shop --build" in told


def test_what_is_missing_or_impossible_is_said_with_what_helps(cli: Any, shop: Path) -> None:
    missing = cli("clusters", "--collection", "shop")
    assert missing.exit_code == 1
    assert "tersus clusters --collection shop --build" in missing.stderr
    large = cli("clusters", "--collection", "shop", "--build", "--k", "11")
    assert large.exit_code == 1
    assert "from 1 to 10" in large.stderr
    for option in ("--k", "--seed"):
        alone = cli("clusters", "--collection", "shop", option, "2")
        assert alone.exit_code == 2
        assert f"{option} needs --build" in alone.stderr
    assert cli("clusters", "--collection", "shop", "--build", "--k", "0").exit_code == 2
    nowhere = cli("clusters", "--collection", "nowhere", "--build", "--json")
    assert nowhere.exit_code == 1
    assert json.loads(nowhere.stderr)["error"]["code"] == "unknown_collection"
    assert nowhere.stdout == ""
    assert cli("clusters", "--collection", "shop", "--build", "--seed", str(2**40)).exit_code == 1


def test_an_empty_collection_is_said(cli: Any, shop: Path) -> None:
    for path in shop.iterdir():
        path.unlink()
    assert cli("ingest", shop, "--collection", "shop", "--prune", "--json").exit_code == 0
    empty = cli("clusters", "--collection", "shop", "--build")
    assert empty.exit_code == 1
    assert "is empty" in empty.stderr
