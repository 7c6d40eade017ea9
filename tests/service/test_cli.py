"""The frame of the command line: help without weight, one handler for errors, quiet ends."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

HEAVY = (
    "torch",
    "transformers",
    "faiss",
    "numpy",
    "sqlalchemy",
    "alembic",
    "llama_index",
    "pydantic_settings",
)
COMMANDS = [
    line.split()
    for line in (
        "ingest", "query", "compress", "demo", "savings", "log", "show", "collections", "collections delete",
        "index", "index status", "index rebuild", "db", "db upgrade", "db current", "compressors", "models",
        "models list", "models install", "calibrate", "doctor",
    )
]  # fmt: skip


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["query", "--help"], ["no-such-command"]])
def test_help_and_version_import_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys\n"
        "from tersus.service.cli import main\n"
        f"sys.argv = ['tersus', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('LOADED', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "LOADED []", done.stderr


def test_version_is_the_installed_one(cli: Any) -> None:
    result = cli("--version")
    assert (result.exit_code, result.stdout) == (0, f"tersus {version('tersus')}\n")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_a_help_text_with_an_example(cli: Any, command: list[str]) -> None:
    result = cli(*command, "--help")
    assert result.exit_code == 0
    assert "Usage: tersus" in result.stdout
    if command not in (["index"], ["db"], ["models"]):
        assert "Example: tersus" in result.stdout or "| tersus compress" in result.stdout


def test_all_commands_are_listed(cli: Any) -> None:
    listed = cli("--help").stdout
    for name in {command[0] for command in COMMANDS}:
        assert f" {name} " in listed


@pytest.mark.parametrize("arguments", [["query", "x"], ["ingest"], ["nothing"], ["savings", "--by", "moon"]])
def test_a_wrong_command_line_exits_with_two(cli: Any, arguments: list[str]) -> None:
    result = cli(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Usage" in result.stderr


def test_an_error_is_a_message_and_a_hint_on_stderr(cli: Any) -> None:
    result = cli("query", "Who?", "--collection", "nope", "--context-only")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "error: no collection is named 'nope'; there is none yet",
        "hint: a collection is made by adding documents to it",
    ]


def test_with_json_an_error_is_json_on_stderr_and_stdout_stays_empty(cli: Any) -> None:
    result = cli("query", "Who?", "--collection", "nope", "--json")
    assert result.exit_code == 1
    assert result.stdout == ""
    error = json.loads(result.stderr)["error"]
    assert error["code"] == "unknown_collection"
    assert "nope" in error["message"]
    assert set(error) == {"code", "message", "hint"}


def test_settings_that_cannot_be_used_are_named(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERSUS_TOP_K", "many")
    result = cli("collections")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: top_k: ")


def break_models_list(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("tersus.compressors.models.store.installed_models", fail)


def test_an_unexpected_error_is_short_and_its_markup_stays_text(
    cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_models_list(monkeypatch, RuntimeError("[bold]odd[/] \x1b[31m"))
    result = cli("models", "list")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "error: unexpected RuntimeError: [bold]odd[/] \ufffd[31m",
        "hint: tersus --verbose COMMAND shows where",
    ]
    wordy = cli("--verbose", "models", "list")
    assert wordy.exit_code == 1
    assert "Traceback (most recent call last)" in wordy.stderr


def test_ctrl_c_exits_with_130_and_says_nothing(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    break_models_list(monkeypatch, KeyboardInterrupt())
    result = cli("models", "list")
    assert (result.exit_code, result.stdout, result.stderr.strip()) == (130, "", "")


@pytest.mark.parametrize("arguments", [["models", "list"], ["models", "list", "--json"], ["--help"]])
def test_a_reader_that_went_away_is_no_traceback(process: Any, arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = process(*arguments, stdout=write)
    finally:
        os.close(write)
    assert done.returncode in (0, 1)
    assert done.stderr == b""


def test_home_and_database_url_before_the_command_win(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERSUS_DATABASE_URL", f"sqlite:///{tmp_path}/from-environment.db")
    found = json.loads(cli("--home", tmp_path / "else", "db", "current", "--json").stdout)
    assert found["database"].endswith("/from-environment.db")
    url = f"sqlite:///{tmp_path}/given.db"
    found = json.loads(cli("--database-url", url, "db", "current", "--json").stdout)
    assert found["database"].endswith("/given.db")


def test_verbose_logs_to_stderr_and_the_default_does_not(cli: Any) -> None:
    cli("models", "list")
    assert logging.getLogger("tersus").level == logging.WARNING
    cli("-v", "models", "list")
    assert logging.getLogger("tersus").level == logging.INFO
    cli("-vv", "models", "list")
    assert logging.getLogger("tersus").level == logging.DEBUG
    assert len([h for h in logging.getLogger("tersus").handlers if "_Stderr" in type(h).__name__]) == 1


def test_a_terminal_without_unicode_gets_escapes_and_no_crash(cli: Any, process: Any, tmp_path: Path) -> None:
    text = tmp_path / "a.txt"
    text.write_text("Die Stra\u00dfe ist lang. \u4f60\u597d.", encoding="utf-8")
    assert cli("compress", "--query", "Stra\u00dfe?", text).exit_code == 0
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    shown = process("log", env=ascii_only)
    assert shown.returncode == 0
    assert rb"Stra\xdfe?" in shown.stdout
    assert shown.stdout.isascii()
    as_json = process("log", "--json", env=ascii_only)
    assert json.loads(as_json.stdout)["queries"][0]["question"] == "Stra\u00dfe?"
    helped = process("--help", env=ascii_only)
    assert helped.returncode == 0
    assert helped.stdout.isascii()
