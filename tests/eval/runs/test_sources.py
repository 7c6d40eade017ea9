"""Every format that questions come in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tersus.eval.data import DataDamaged, DataMissing, EvalPassage
from tersus.eval.runs import RunSpec
from tersus.eval.runs.questions import Question, read_questions, write_questions
from tersus.eval.sources import load_questions

from . import toys


def load(source: object, **changes: Any) -> list[Question]:
    spec = RunSpec(datasets=("x",), compressors=("none",), **changes)
    ((_, questions),) = load_questions(str(source), spec).items()
    return questions


def test_hotpotqa_as_published(tmp_path: Path) -> None:
    file = tmp_path / "hotpot_dev.json"
    entry = {
        "_id": "5a", "question": "Who?", "answer": "Ann",
        "context": [["A", ["Ann came. ", "She left."]], ["B", ["Bob slept."]]],
        "supporting_facts": [["A", 0], ["A", 9]],
    }  # fmt: skip
    file.write_text(json.dumps([entry, entry | {"_id": "5b"}]), encoding="utf-8")
    (question,) = load(file, limit=1)
    first, second = question.example.passages
    assert [first.text[s:e] for s, e in first.supporting_spans or ()] == ["Ann came."]
    assert (first.is_gold, second.is_gold, second.supporting) == (True, False, ())
    assert question.example.answers == ("Ann",)


def test_squad_as_published(tmp_path: Path) -> None:
    file = tmp_path / "squad.json"
    answers = [{"text": "Rome", "answer_start": 3}, {"text": "Rome", "answer_start": 3}]
    qas = [
        {"id": "1", "question": " Where? ", "answers": answers, "is_impossible": False},
        {"id": "2", "question": "When?", "answers": [], "is_impossible": True},
    ]
    whole = {"data": [{"title": "A_b", "paragraphs": [{"context": "In Rome.", "qas": qas}]}]}
    file.write_text(json.dumps(whole), encoding="utf-8")
    one, two = (q.example for q in load(file))
    assert (one.question, one.answers, one.passages[0].answer_spans) == ("Where?", ("Rome",), ((3, 7),))
    assert (two.answers, two.impossible, two.passages[0].title) == ((), True, "A b")
    answers[0]["answer_start"] = 4
    file.write_text(json.dumps(whole), encoding="utf-8")
    with pytest.raises(DataDamaged, match="does not stand at 4"):
        load(file)


def test_longbench_with_passages_and_without(tmp_path: Path) -> None:
    file = tmp_path / "longbench.jsonl"
    context = "Passage 1:\nFirst\nOne text.\n\nPassage 2:\nSecond\nAnother.\nLine."
    rows = [
        {"input": "Q?", "context": context, "answers": ["One"], "_id": "a", "dataset": "musique"},
        {"input": "Q?", "context": "A long text.", "answers": ["x"], "_id": "b"},
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    one, two = (q.example for q in load(file))
    assert [(p.title, p.text) for p in one.passages] == [
        ("First", "One text."),
        ("Second", "Another.\nLine."),
    ]
    assert [p.text for p in two.passages] == ["A long text."]


def test_needles_lie_at_every_depth_with_one_like_sentence_beside_each(tmp_path: Path) -> None:
    text = tmp_path / "hay.txt"
    text.write_text("\n\n".join(f"Paragraph {n} of the haystack." for n in range(10)), encoding="utf-8")
    questions = load(f"needle:{text}", limit=5)
    places = []
    for question in questions:
        (answer,) = question.example.answers
        (at,) = [n for n, p in enumerate(question.example.passages) if answer in p.text]
        places.append(at)
        gold = question.example.passages[at]
        assert gold.is_gold
        assert next(gold.text[s:e] for s, e in gold.supporting_spans or ()).endswith(f"is {answer}.")
        assert sum("access code" in p.text for p in question.example.passages) == 2
    assert places == [1, 3, 5, 7, 9]
    assert load(f"needle:{text}", limit=5) == questions
    assert load(f"needle:{text}", limit=5, seed=1) != questions


def test_needles_need_a_text(tmp_path: Path) -> None:
    with pytest.raises(DataMissing):
        load(f"needle:{tmp_path / 'no.txt'}")


def test_passages_are_found_among_those_of_all_questions_and_keep_their_labels(tmp_path: Path) -> None:
    own = load(toys.QUESTIONS)
    found = load(toys.QUESTIONS, retrieve=3)
    for question, given in zip(found, own, strict=True):
        assert len(question.example.passages) == 3
        assert question.retrieval["recall@10/1"] in (0.0, 1.0)
        gold = [p for p in question.example.passages if p.is_gold]
        (label,) = [p for p in given.example.passages if p.is_gold]
        said = [p.text[s:e] for p in gold for s, e in p.supporting_spans or ()]
        assert said in ([], [label.text[s:e] for s, e in label.supporting_spans or ()])
    recalls = [question.retrieval["recall@10/1"] or 0.0 for question in found]
    assert sum(recalls) / len(recalls) > 0.9


def test_a_beir_folder_is_retrieved_from(tmp_path: Path) -> None:
    import gzip

    rows = {
        "corpus": [
            {"_id": "d1", "title": "Cats", "text": "Cats purr when they are content."},
            {"_id": "d2", "title": "", "text": "Trains run on rails of steel."},
        ],
        "queries.test": [{"_id": "q1", "text": "Why do cats purr?"}],
    }
    for name, lines in rows.items():
        with gzip.open(tmp_path / f"{name}.jsonl.gz", "wt") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "qrels.test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\n")
    (question,) = load(tmp_path, split="test", retrieve=2)
    assert [p.is_gold for p in question.example.passages] == [True, False]
    assert question.retrieval == {"ndcg@10/1": 1.0, "recall@10/1": 1.0, "rr@10/1": 1.0}


def test_the_ledgers_own_queries_are_a_data_set() -> None:
    from tersus.compressors import Budget, Passage
    from tersus.rag import Tersus
    from tersus.rag.compress_texts import compress_passages

    with Tersus(background=False) as tersus:
        passages = [Passage(text="It rains in May. The sun shines in June.", title="Weather")]
        compress_passages(
            "When does it rain?", passages, tersus.compressor("none"), Budget(), tersus.settings,
            database=tersus.database,
        )  # fmt: skip
    (question,) = load("ledger:1d")
    assert question.example.question == "When does it rain?"
    assert [p.text for p in question.example.passages] == ["It rains in May. The sun shines in June."]


def test_questions_come_back_as_they_were_written(tmp_path: Path) -> None:
    questions = load(toys.QUESTIONS)
    strange = replace(questions[0].example, question="\u2028 \U0001f600")
    questions[0] = Question(strange, {"rr@10/1": None})
    first = write_questions(tmp_path / "q.jsonl.gz", questions)
    assert read_questions(tmp_path / "q.jsonl.gz") == questions
    content = (tmp_path / "q.jsonl.gz").read_bytes()
    assert write_questions(tmp_path / "q.jsonl.gz", questions) == first
    assert (tmp_path / "q.jsonl.gz").read_bytes() == content
    assert isinstance(questions[0].example.passages[0], EvalPassage)


@pytest.mark.parametrize("content", ["{", "[1]", '{"data": [{}]}', '[{"_id": "x"}]'])
def test_a_broken_file_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "broken.json").write_text(content)
    with pytest.raises(DataDamaged, match="broken"):
        load(tmp_path / "broken.json")
