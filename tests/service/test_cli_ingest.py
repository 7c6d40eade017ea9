"""``tersus ingest``: what became of each file, and nothing done twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


def statuses(result: Any) -> dict[str, str]:
    """Status by file name, from ``--json``."""
    return {Path(d["external_id"]).name: d["status"] for d in json.loads(result.stdout)["documents"]}


def test_ingesting_twice_changes_nothing_and_a_changed_file_is_replaced(cli: Any, docs: Path) -> None:
    first = cli("ingest", docs, "--collection", "docs", "--json")
    assert first.exit_code == 0, first.stderr
    assert statuses(first) == {"bread.txt": "added", "evil.md": "added", "lighthouse.md": "added"}
    chunks = json.loads(first.stdout)["chunks"]
    assert chunks == sum(d["chunks"] for d in json.loads(first.stdout)["documents"]) > 0

    again = cli("ingest", docs, "--collection", "docs", "--json")
    assert set(statuses(again).values()) == {"unchanged"}
    assert (json.loads(again.stdout)["chunks"], json.loads(again.stdout)["counts"]) == (0, {"unchanged": 3})

    (docs / "bread.txt").write_text("Wheat bread is lighter than rye bread.")
    changed = statuses(cli("ingest", docs, "--collection", "docs", "--json"))
    assert changed == {"bread.txt": "replaced", "evil.md": "unchanged", "lighthouse.md": "unchanged"}

    found = json.loads(cli("collections", "--json").stdout)["collections"]
    assert [(one["name"], one["documents"]) for one in found] == [("docs", 3)]
    assert found[0]["index"]["current"] is True
    assert found[0]["index"]["vectors"] == found[0]["chunks"]


def test_a_deleted_file_stays_until_it_is_pruned(cli: Any, docs: Path) -> None:
    cli("ingest", docs, "--collection", "docs")
    (docs / "bread.txt").unlink()
    kept = cli("ingest", docs, "--collection", "docs", "--json")
    assert "bread.txt" not in statuses(kept)
    assert json.loads(cli("collections", "--json").stdout)["collections"][0]["documents"] == 3
    pruned = cli("ingest", docs, "--collection", "docs", "--prune")
    assert pruned.exit_code == 0
    assert "pruned    texts/bread.txt: no longer there" in pruned.stdout
    assert json.loads(cli("collections", "--json").stdout)["collections"][0]["documents"] == 2


def test_people_read_why_a_file_was_skipped_or_refused(cli: Any, docs: Path) -> None:
    (docs / "binary.txt").write_bytes(bytes(range(256)) * 8)
    (docs / "empty.md").write_text("")
    result = cli("ingest", docs, "--collection", "docs")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert any(line.startswith("refused   texts/binary.txt: ") for line in lines)
    assert any(line.startswith("skipped   texts/empty.md: ") for line in lines)
    assert any(line.startswith("added     texts/lighthouse.md  1 chunk") for line in lines)
    assert lines[-1].startswith("docs: 3 added, 1 skipped, 1 refused")
    assert result.stderr == ""

    again = cli("ingest", docs, "--collection", "docs")
    assert "lighthouse.md" not in again.stdout
    assert "3 unchanged" in again.stdout
    assert "unchanged texts/lighthouse.md" in cli("ingest", docs, "-c", "docs", "--verbose").stdout
    assert "unchanged texts/lighthouse.md" in cli("-v", "ingest", docs, "-c", "docs").stdout


def test_exit_status_is_one_only_where_every_file_was_refused(cli: Any, tmp_path: Path) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    nothing = cli("ingest", folder, "--collection", "docs")
    assert (nothing.exit_code, nothing.stdout.split(" ")[:4]) == (0, ["docs:", "no", "files", "found"])
    (folder / "a.txt").write_bytes(b"\x00\x01\x02" * 100)
    assert cli("ingest", folder, "--collection", "docs").exit_code == 1
    (folder / "b.txt").write_text("This one can be read.")
    assert cli("ingest", folder, "--collection", "docs").exit_code == 0


def test_a_path_that_does_not_exist_stops_before_anything_is_read(cli: Any, docs: Path) -> None:
    result = cli("ingest", docs, docs / "missing", "--collection", "docs", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stderr)["error"]["code"] == "path_not_found"
    assert json.loads(cli("collections", "--json").stdout) == {"collections": []}


def test_in_a_terminal_the_progress_bar_goes_to_stderr_alone(
    cli: Any, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    result = cli("ingest", docs, "--collection", "docs", "--json")
    assert set(statuses(result).values()) == {"added"}  # stdout is JSON and nothing else
    assert "3/3" in result.stderr


def test_a_read_only_database_is_told_with_its_cure(cli: Any, filled: Path, docs: Path) -> None:
    url = f"sqlite:///file:{filled / 'tersus.db'}?mode=ro&uri=true"
    result = cli("--database-url", url, "ingest", docs, "--collection", "docs", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stderr)["error"]["code"] == "database_read_only"
