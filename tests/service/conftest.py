"""The command line in a folder and a home of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tersus.service.cli import app
from typer.testing import CliRunner, Result

Cli = Callable[..., Result]

TEXTS = {
    "lighthouse.md": (
        "# The lighthouse of Norrvik\n\n"
        "The lighthouse of Norrvik was built in 1887 by the engineer Astrid Holm. "
        "Its tower is painted white with one red band. "
        "Gulls nest on the roof of the keeper's house in spring. "
        "A ferry calls at the island on Tuesdays and Fridays.\n"
    ),
    "bread.txt": (
        "Rye bread needs a sourdough that is two days old. "
        "Bake it for seventy minutes at 190 degrees. "
        "The crust stays soft if the loaf is wrapped in linen.\n"
    ),
    "evil.md": (
        "# [bold red]Markup[/] title\n\nA [link=http://x]escape\x1b[31m[/link] and a [/nothing] tag.\n"
    ),
}


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the person who runs the tests; home and current folder are the test's."""
    for name in list(os.environ):
        if name.startswith("TERSUS_") and name not in ("TERSUS_MODELS_DIR", "TERSUS_SMOLLM2_WHEEL"):
            monkeypatch.delenv(name)
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERSUS_HOME", str(tmp_path / "home"))
    # Texts are counted without the language model, whether it is installed or not.
    monkeypatch.setenv("TERSUS_TOKENIZER", "cl100k")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def cli() -> Cli:
    """Run a command in this process."""
    runner = CliRunner()

    def run(*arguments: object, stdin: bytes | str | None = None) -> Result:
        return runner.invoke(app, [str(argument) for argument in arguments], input=stdin)

    return run


@pytest.fixture
def process() -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Run a command in a process of its own, as a shell would."""

    def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "tersus.service.cli", *(str(argument) for argument in arguments)]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.run(command, timeout=120, check=False, **options)  # type: ignore[call-overload,no-any-return]

    return run


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A folder with three small documents."""
    folder = tmp_path / "texts"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def _filled_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with collection ``docs``, made once."""
    base = tmp_path_factory.mktemp("filled")
    texts, home = base / "texts", base / "home"
    texts.mkdir()
    for name, text in TEXTS.items():
        (texts / name).write_text(text, encoding="utf-8")
    result = CliRunner().invoke(app, ["--home", str(home), "ingest", str(texts), "--collection", "docs"])
    assert result.exit_code == 0, result.output
    return home


@pytest.fixture
def filled(_filled_home: Path, tmp_path: Path) -> Path:
    """The test's own home, with collection ``docs``."""
    return Path(shutil.copytree(_filled_home, tmp_path / "home"))
