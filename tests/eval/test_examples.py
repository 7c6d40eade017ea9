"""Reading the data sets: values, offsets, and what happens to broken or absent files."""

from __future__ import annotations

import gzip
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tersus.errors import InvalidInput, TersusError
from tersus.eval.data import DataDamaged, DataMissing, join_sentences, read_examples, to_passages
from tersus.eval.data_files import data_file
from tersus.eval.data_reviews import read_reviews

ROW: dict[str, Any] = {
    "id": "q1",
    "question": "Who wrote Dune?",
    "answers": ["Frank Herbert"],
    "passages": [
        {
            "title": "Dune",
            "sentences": ["A novel.", " By Frank Herbert."],
            "is_gold": True,
            "supporting": [1],
        },
        {"title": "Sand", "text": "Sand is\nfine.", "is_gold": False},
    ],
    "source": "toy",
}


def write(path: Path, *rows: object) -> Path:
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    data = b"".join(line + b"\n" for line in lines)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["toy.jsonl", "toy.jsonl.gz"])
def test_a_row_becomes_an_example_with_every_field(tmp_path: Path, name: str) -> None:
    (example,) = read_examples(write(tmp_path / name, ROW))
    assert (example.id, example.question, example.answers) == ("q1", "Who wrote Dune?", ("Frank Herbert",))
    assert (example.source, example.impossible) == ("toy", None)
    dune, sand = example.passages
    assert dune.text == "A novel. By Frank Herbert."
    assert (dune.title, dune.is_gold, dune.supporting) == ("Dune", True, (1,))
    assert dune.sentences == ("A novel.", "By Frank Herbert.")
    assert dune.supporting_spans == ((9, 26),)
    assert dune.answer_spans is None
    assert (sand.text, sand.is_gold) == ("Sand is\nfine.", False)
    assert sand.sentence_spans is None
    assert sand.sentences is None
    assert sand.supporting is None
    assert sand.supporting_spans is None


def test_passages_carry_the_examples_id_and_their_number(tmp_path: Path) -> None:
    (example,) = read_examples(write(tmp_path / "toy.jsonl", ROW))
    passages = to_passages(example)
    assert [(p.id, p.title, p.text) for p in passages] == [
        ("q1:0", "Dune", "A novel. By Frank Herbert."),
        ("q1:1", "Sand", "Sand is\nfine."),
    ]


def test_rows_without_an_id_get_one_from_file_and_line(tmp_path: Path) -> None:
    path = write(tmp_path / "toy.dev.jsonl.gz", {**ROW, "id": None}, b"  ", {**ROW, "id": None})
    assert [e.id for e in read_examples(path)] == ["toy.dev-line-1", "toy.dev-line-3"]


def test_the_limit_counts_examples_and_leaves_later_lines_unread(tmp_path: Path) -> None:
    path = write(tmp_path / "toy.jsonl", ROW, b"", {**ROW, "id": "q2"}, b"broken")
    assert [e.id for e in read_examples(path, 2)] == ["q1", "q2"]
    assert list(read_examples(path, 0)) == []
    with pytest.raises(InvalidInput):
        list(read_examples(path, -1))


@pytest.mark.parametrize(
    ("sentences", "text", "spans"),
    [
        (["One.", "Two."], "One. Two.", [(0, 4), (5, 9)]),
        (["One.", " Two."], "One. Two.", [(0, 4), (5, 9)]),
        (["One . ", "Two . "], "One . Two .", [(0, 5), (6, 11)]),
        (["", "One.", " ", "Two."], "One. Two.", [(0, 0), (0, 4), (4, 4), (5, 9)]),
        (["\n One.", "\n\nTwo.\n"], "One.\n\nTwo.", [(0, 4), (6, 10)]),
        ([], "", []),
        ([" "], "", [(0, 0)]),
    ],
)
def test_sentences_are_joined_by_one_blank_unless_they_bring_white_space(
    sentences: list[str], text: str, spans: list[tuple[int, int]]
) -> None:
    assert join_sentences(sentences) == (text, tuple(spans))


@given(st.lists(st.text(alphabet="ab. \n\té", max_size=8), max_size=8))
def test_every_sentence_stands_exactly_at_its_span_and_nothing_else_is_in_the_text(
    sentences: list[str],
) -> None:
    text, spans = join_sentences(sentences)
    assert [text[start:end] for start, end in spans] == [s.strip() for s in sentences]
    edges = [edge for span in spans for edge in span]
    assert all(0 <= edge <= len(text) for edge in edges)
    filled = [span for span in spans if span[0] < span[1]]
    assert all(a[1] < b[0] or (a[1] == b[0]) for a, b in pairwise(filled))
    assert "".join(text.split()) == "".join("".join(sentences).split())
    assert text == text.strip()


def test_a_blank_supporting_sentence_has_no_span(tmp_path: Path) -> None:
    passage = {"title": "", "sentences": ["A.", " ", "B."], "supporting": [2, 1, 2]}
    (example,) = read_examples(write(tmp_path / "toy.jsonl", {**ROW, "passages": [passage]}))
    assert example.passages[0].supporting == (2, 1, 2)
    assert example.passages[0].supporting_spans == ((3, 5),)


def test_answer_spans_are_read_off_the_text_because_starts_and_answers_are_not_parallel(
    tmp_path: Path,
) -> None:
    text = "solar power or wind"
    row = {
        **ROW,
        "answers": ["wind", "solar", "solar power"],
        "passages": [{"title": "t", "text": text, "answer_starts": [0, 15]}],
        "is_impossible": False,
    }
    (example,) = read_examples(write(tmp_path / "toy.jsonl", row))
    assert example.impossible is False
    spans = example.passages[0].answer_spans
    assert spans is not None
    assert [text[start:end] for start, end in spans] == ["solar", "solar power", "wind"]


def passage(**fields: object) -> dict[str, object]:
    return {**ROW, "passages": [fields]}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{", "no JSON"),
        (b"[1]", "list"),
        (b'{"id": "\xff"}', "no JSON"),
        ({**ROW, "question": " "}, "'question'"),
        ({k: v for k, v in ROW.items() if k != "answers"}, "'answers'"),
        ({**ROW, "answers": "Frank"}, "'answers'"),
        ({**ROW, "answers": [1]}, "'answers'"),
        ({**ROW, "passages": None}, "'passages'"),
        ({**ROW, "passages": ["text"]}, "passage 0"),
        ({**ROW, "id": []}, "'id'"),
        ({**ROW, "source": 3}, "'source'"),
        ({**ROW, "is_impossible": "no"}, "'is_impossible'"),
        (passage(title="t"), "either 'text' or 'sentences'"),
        (passage(text="a", sentences=["a"]), "either 'text' or 'sentences'"),
        (passage(text=3), "text of passage 0"),
        (passage(text="a", title=3), "title of passage 0"),
        (passage(sentences="abc"), "sentences of passage 0"),
        (passage(sentences=["a"], supporting=[1]), "'supporting' of passage 0 has 1"),
        (passage(sentences=["a"], supporting=[-1]), "'supporting' of passage 0 has -1"),
        (passage(sentences=["a"], supporting=[True]), "whole numbers"),
        (passage(text="a", supporting=[0]), "'supporting' of passage 0 has 0"),
        (passage(text="abc", answer_starts=[1]), "no answer stands at 1"),
        (passage(text="abc", is_gold=1), "'is_gold'"),
    ],
)
def test_a_broken_line_names_its_file_its_number_and_what_is_wrong(
    tmp_path: Path, line: object, words: str
) -> None:
    path = write(tmp_path / "toy.jsonl", ROW, line)
    examples = read_examples(path)
    assert next(examples).id == "q1"
    with pytest.raises(DataDamaged) as caught:
        next(examples)
    assert caught.value.code == "data_damaged"
    assert f"{path}, line 2: " in str(caught.value)
    assert words in str(caught.value)


def test_a_truncated_gzip_file_is_damaged_and_not_merely_short(tmp_path: Path) -> None:
    path = write(tmp_path / "toy.jsonl.gz", *[{**ROW, "id": str(i) * 50} for i in range(50)])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataDamaged, match=r"toy\.jsonl\.gz, after line"):
        list(read_examples(path))


def test_a_file_that_is_no_gzip_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "toy.jsonl.gz"
    path.write_bytes(b"plain text")
    with pytest.raises(DataDamaged):
        list(read_examples(path))


def test_a_data_set_is_found_by_name_in_the_folder_given_before_the_one_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    write(here / "toy.dev.jsonl.gz", {**ROW, "id": "here"})
    write(there / "toy.dev.jsonl", {**ROW, "id": "there"})
    write(there / "toy.train.jsonl.gz", {**ROW, "id": "train"})
    monkeypatch.setenv("TERSUS_DATA_DIR", str(there))
    assert [e.id for e in read_examples("toy")] == ["there"]
    assert [e.id for e in read_examples("toy", split="train")] == ["train"]
    assert [e.id for e in read_examples("toy", data_dir=here)] == ["here"]
    assert data_file("toy", "train") == there / "toy.train.jsonl.gz"


def test_absent_data_are_reported_at_once_with_the_place_where_they_were_expected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERSUS_DATA_DIR", str(tmp_path))
    with pytest.raises(DataMissing) as caught:
        read_examples("hotpotqa")
    assert caught.value.code == "data_missing"
    assert isinstance(caught.value, TersusError)
    assert str(tmp_path / "hotpotqa.dev.jsonl.gz") in caught.value.message
    assert caught.value.hint is not None
    assert "TERSUS_DATA_DIR" in caught.value.hint
    with pytest.raises(DataMissing, match="nowhere"):
        read_examples(tmp_path / "nowhere.jsonl")


def test_without_a_folder_named_the_data_are_sought_beside_the_repository(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TERSUS_DATA_DIR", raising=False)
    root = Path(__file__).resolve().parents[2]
    with pytest.raises(DataMissing) as caught:
        read_examples("no-such-set")
    assert str(root.parent / "shared" / "data" / "no-such-set.dev.jsonl.gz") in caught.value.message


def test_review_groups_are_read_in_both_forms(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"id": "a", "question": "battery", "sentences": ["Good .", "Bad ."], "gold_summaries": ["Mixed."]},
        {"id": "b", "category": "cloth", "reviews": ["Fine."], "gold_summaries": []},
    ]
    first, second = read_reviews(write(tmp_path / "r.jsonl.gz", *rows))
    assert (first.topic, first.texts, first.summaries) == ("battery", ("Good .", "Bad ."), ("Mixed.",))
    assert (first.id, first.unit) == ("a", "sentences")
    assert (second.topic, second.texts, second.unit) == ("cloth", ("Fine.",), "reviews")
    with pytest.raises(DataDamaged, match="'category'"):
        list(read_reviews(write(tmp_path / "s.jsonl", {"id": "c", "reviews": [], "gold_summaries": []})))


COUNTS = {
    "hotpotqa": (253, 506),
    "2wikimultihopqa": (135, 344),
    "qed": (93, 93),
    "nq-open": (184, 0),
    "squad2": (801, 0),
    "selqa": (212, 212),
}
"""Examples, and passages with a supporting sentence, in the dev files."""


@pytest.mark.data
@pytest.mark.parametrize("name", COUNTS)
def test_the_shared_data_sets_are_read_whole_and_agree_with_a_plain_reading(name: str) -> None:
    try:
        path = data_file(name)
    except DataMissing as missing:
        pytest.skip(str(missing))
    examples = list(read_examples(name))
    supported = sum(bool(p.supporting_spans) for e in examples for p in e.passages)
    assert (len(examples), supported) == COUNTS[name]
    assert len({e.id for e in examples}) == len(examples)
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    for example, row in zip(examples, rows, strict=True):
        assert list(example.answers) == row["answers"]
        for got, raw in zip(example.passages, row["passages"], strict=True):
            if "text" in raw:
                assert got.text == raw["text"]
            else:
                assert got.sentences == tuple(s.strip() for s in raw["sentences"])
            assert list(got.supporting or ()) == raw.get("supporting", [])
            for start, end in got.answer_spans or ():
                assert got.text[start:end] in row["answers"]
