"""The bench on a small collection of its own, through the real retriever."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from tersus.eval.data_files import DataDamaged, DataMissing
from tersus.eval.retrieval.bench import main, report
from tersus.eval.retrieval.judged import read_judged
from tersus.eval.retrieval.measure import Measured
from tersus.rag.search.options import MODES

DOCUMENTS = {
    "1": ("Rust", "Iron rusts in wet air. Zinc keeps iron from rusting."),
    "2": ("Tides", "The moon pulls the sea. Tides follow the moon twice a day."),
    "3": ("Bread", "Bread rises by yeast. Salt slows the yeast down."),
    "4": ("", "Sailors keep a table of tides."),
}
QUESTIONS = {"q1": "Why does iron rust?", "q2": "What moves the tides?", "q3": "nobody judged this"}
QRELS = "query-id\tcorpus-id\tscore\nq1\t1\t1\nq2\t2\t2\nq2\t4\t1\nq2\t3\t0\n"


def lines(path: Path, rows: list[dict[str, str]]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "scifact"
    folder.mkdir(parents=True)
    documents = [{"_id": n, "title": title, "text": text} for n, (title, text) in DOCUMENTS.items()]
    lines(folder / "corpus.jsonl.gz", documents)
    lines(folder / "queries.train.jsonl.gz", [{"_id": n, "text": text} for n, text in QUESTIONS.items()])
    (folder / "qrels.train.tsv").write_text(QRELS)
    return folder


def test_only_judged_questions_are_read(folder: Path) -> None:
    judged = read_judged(folder)
    assert [(d.id, d.title, d.text) for d in judged.documents] == [(n, *d) for n, d in DOCUMENTS.items()]
    assert list(judged.questions) == ["q1", "q2"]
    assert judged.grades["q2"] == {"2": 2, "4": 1, "3": 0}
    assert list(read_judged(folder, limit=1).questions) == ["q1"]


@pytest.mark.parametrize("wrong", ["q1\t9\t1", "q9\t1\t1", "q1\t1", "q1\t1\tgood"])
def test_damaged_judgements_are_told(folder: Path, wrong: str) -> None:
    (folder / "qrels.train.tsv").write_text(QRELS + wrong + "\n")
    with pytest.raises(DataDamaged, match="line 6"):
        read_judged(folder)


def test_where_the_data_are_absent_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    (folder / "qrels.train.tsv").unlink()
    with pytest.raises(DataMissing):
        read_judged(folder)
    assert main(["--data-dir", str(tmp_path)]) == 0
    assert "skipped" in capsys.readouterr().err


def test_the_bench_measures_all_modes_and_goes_on_in_a_home_that_it_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    call = ["--data-dir", str(folder.parent), "--home", str(tmp_path / "kept"), "--json"]
    assert main(call) == 0
    first: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (first["documents"], first["questions"]) == (4, 2)
    assert set(first["modes"]) == {"dense", "bm25", "hybrid"}
    for row in first["modes"].values():
        # Four documents: all are found, and each question's own is first in this small world.
        assert row["recall@100"]["mean"] == 1
        assert row["ndcg@10"]["mean"] > 0.9
    assert main(call) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["chunks"] == first["chunks"]
    assert main(["--data-dir", str(folder.parent), "--limit", "1"]) == 0
    assert "nDCG@10" in capsys.readouterr().out


def test_the_target_needs_hybrid_above_both_alone() -> None:
    def found(dense: float, bm25: float, hybrid: float) -> Any:
        values = zip(MODES, (dense, bm25, hybrid), strict=True)
        rows = [Measured(mode, (value, value), (1.0, 1.0), 0.1) for mode, value in values]
        return report(rows, (2, 2), "minilm")

    assert found(0.6, 0.65, 0.7)["target"]["met"]
    assert not found(0.6, 0.7, 0.7)["target"]["met"]
    assert not found(0.5, 0.6, 0.69)["target"]["met"]
    assert found(0.6, 0.65, 0.7)["hybrid_less"]["bm25"]["mean"] == pytest.approx(0.05)
