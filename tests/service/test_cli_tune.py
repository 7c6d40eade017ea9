"""``tersus tune``: the layer of GemFilter, found and written down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.compressors.gemfilter import tiny
from tests.eval.train_files import write_train_files


def test_the_command_writes_a_profile_that_the_compressor_takes(cli: Any, tmp_path: Path) -> None:
    folder, out = tiny.save(tmp_path / "model"), tmp_path / "profiles.toml"
    data = write_train_files(tmp_path)
    ask = (
        *("tune", "gemfilter", "--model", folder, "--data-dir", data, "--device", "cpu"),
        *("--questions", "5", "--needles", "4", "--passages", "3"),
    )
    result = cli(*ask, "--out", out, "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["profile"] == str(out)
    assert found["trials"] == {"questions": 5, "needle": 4}
    assert len(found["areas"]["all"]) == found["layers"] == tiny.LAYERS
    assert f"layer = {found['layer']}" in out.read_text()
    shown = cli(*ask, "--dry-run")
    assert "Nothing was written." in shown.stdout
    assert cli(*ask, "--granularity", "page").exit_code == 2
    missing = cli("tune", "gemfilter", "--model", folder, "--data-dir", tmp_path / "model")
    assert missing.exit_code == 1
    assert "hotpotqa" in missing.stderr
