import gzip
import json
from pathlib import Path

import pytest
from tersus.eval.data import DataMissing
from tersus.eval.exit.unseen import claims, main

DOCUMENTS = {
    "1": ("Aspirin", "Aspirin thins the blood of patients with heart disease."),
    "2": ("Bees", "Honey bees dance to show where flowers are."),
    "3": ("Heart", "Heart disease kills many patients who take no aspirin."),
    "4": ("Rust", "Iron rusts in wet air."),
}
CLAIMS = {
    "a": "Aspirin helps patients with heart disease.",
    "b": "Bees dance.",
    "c": "Iron never rusts in wet air.",
}


@pytest.fixture
def scifact(tmp_path: Path) -> Path:
    folder = tmp_path / "scifact"
    folder.mkdir()
    lines = [{"_id": i, "title": title, "text": text} for i, (title, text) in DOCUMENTS.items()]
    _write(folder / "corpus.jsonl.gz", lines)
    _write(folder / "queries.train.jsonl.gz", [{"_id": i, "text": text} for i, text in CLAIMS.items()])
    grades = ["query-id\tcorpus-id\tscore", "a\t1\t1", "a\t3\t0", "b\t2\t1", "c\t1\t1"]
    (folder / "qrels.train.tsv").write_text("\n".join(grades) + "\n")
    return tmp_path


def _write(path: Path, lines: list[dict[str, str]]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        stream.writelines(json.dumps(line) + "\n" for line in lines)


def test_a_claim_comes_with_its_nearest_abstracts_and_the_relevant_ones_among_them(scifact: Path) -> None:
    found = claims(scifact / "scifact", 2)
    assert [example.id for example, _ in found] == ["a", "b"]  # of c's nearest none is relevant
    for example, right in found:
        assert 1 <= len(example.passages) <= 2  # no more than asked for, none without a word in common
        assert [example.passages[i].title for i in right] == [{"a": "Aspirin", "b": "Bees"}[example.id]]
    assert len(claims(scifact / "scifact", 2, 1)) == 1


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match="corpus"):
        claims(tmp_path, 2)


def test_every_order_is_reported_with_its_interval(scifact: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data-dir", str(scifact), "--candidates", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["claims"] == 2
    assert set(told["mrr"]) == {
        "BM25", "similarity, best sentence", "exit, passage score", "exit, best sentence",
    }  # fmt: skip
    for one in told["mrr"].values():
        assert 0.5 <= one["low"] <= one["mrr"] <= one["high"] <= 1


def test_without_the_data_it_says_so_and_succeeds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data-dir", str(tmp_path)]) == 0
    assert "skipped" in capsys.readouterr().err
