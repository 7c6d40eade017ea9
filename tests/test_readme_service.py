"""The README's section on the service, run as it stands."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tersus.compressors.models.store import ModelMissing, find_model
from tersus.eval.load.server import free_port

ROOT = Path(__file__).parent.parent


def blocks() -> list[tuple[str, str]]:
    """Language and code of each block of the section."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("\n## The service\n")[2].partition("\n## ")[0]
    return re.findall(r"```(\w+)\n(.*?)```", section, re.DOTALL)


def _model() -> bool:
    try:
        find_model("smollm2")
    except ModelMissing:
        return False
    return True


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.skipif(not _model(), reason="needs the local model: tersus models install")
def test_the_walk_works_as_it_stands(tmp_path: Path) -> None:
    port = str(free_port())
    found = blocks()
    assert [language for language, _ in found] == ["sh", "sh", "sh", "python"]
    script = "set -e\n" + "\n".join(code for language, code in found if language == "sh")
    script = script.replace(".venv/bin/tersus", f"{sys.executable} -m tersus.service.cli").replace(
        "8484", port
    )
    assert script.count("curl -s") >= 9
    script = script.replace(
        "tersus.service.cli serve", f"tersus.service.cli serve --port {port} > {tmp_path}/log 2>&1"
    )
    python = next(code for language, code in found if language == "python").replace("8484", port)
    script = script.replace("curl -s ", "curl -sS --fail-with-body -w '\\n' ").replace(
        "curl -sN ", "curl -sSN --fail-with-body "
    )
    (tmp_path / "walk.py").write_text(python)
    script += f"\n{sys.executable} {tmp_path / 'walk.py'}\n"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TERSUS_")}
    kept = {k: v for k, v in os.environ.items() if k in ("TERSUS_MODELS_DIR", "TERSUS_SMOLLM2_WHEEL")}
    environment |= kept | {"TERSUS_HOME": str(tmp_path / "home")}
    process = subprocess.Popen(
        ["bash", "-c", script], cwd=ROOT, env=environment, start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=(tmp_path / "errors").open("w"),
    )  # fmt: skip
    try:
        out = []
        assert process.stdout is not None
        for line in process.stdout:
            out.append(line)
        assert process.wait(10) == 0, "".join(out) + (tmp_path / "errors").read_text()[-2000:]
    finally:
        os.killpg(process.pid, signal.SIGTERM)
    text = "".join(out)
    answers = [json.loads(line) for line in out if line.startswith("{")]
    assert next(one["answer"] for one in answers if "answer" in one)
    assert "event: done" in text
    compressed = next(one for one in answers if one.get("compressor") == "exit" and "answer" not in one)
    assert compressed["context"]
    assert any("choices" in one for one in answers)
    assert any(one.get("state") in ("queued", "running") for one in answers)
