"""The bench's JSON as Markdown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tersus.eval.bench_markdown import main

SCORE = {"mean": 0.5, "low": 0.25, "high": 0.75, "count": 4, "excluded": 0}
NONE = {"mean": None, "low": None, "high": None, "count": 0, "excluded": 4}
ROW: dict[str, Any] = {
    "data": "a.dev", "compressor": "exit", "ratio": 0.25, "kept_micro": 0.249, "answer_recall": SCORE,
    "support_recall": NONE, "seconds": 0.123,
}  # fmt: skip


def test_each_data_set_has_its_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bench.json"
    other = {**ROW, "data": "b.dev", "compressor": "none", "ratio": None}
    file.write_text(json.dumps({"limit": 4, "rows": [ROW, other]}))
    assert main([str(file)]) == 0
    text = capsys.readouterr().out
    assert "### a.dev, 4 questions" in text
    assert "| `exit` | 0.25 | 0.25 | 0.50 (0.25–0.75) | – | 0.12 |" in text
    assert "| `none` | – |" in text.partition("### b.dev")[2]


@pytest.mark.parametrize("content", ["{", "[]", '{"rows": [{}]}'])
def test_another_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str) -> None:
    file = tmp_path / "bench.json"
    file.write_text(content)
    assert main([str(file)]) == main([]) == 2
    assert "usage" in capsys.readouterr().err
