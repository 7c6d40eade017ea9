"""A collection of documents with questions and judgements, in the layout of BEIR.

``corpus.jsonl.gz`` (``_id``, ``title``, ``text``), ``queries.SPLIT.jsonl.gz`` (``_id``, ``text``) and
``qrels.SPLIT.tsv`` (a header, then question, document, grade). Thakur and others, 2021, "BEIR: A
Heterogenous Benchmark for Zero-shot Evaluation of Information Retrieval Models".
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..data_files import DataDamaged, DataMissing, Line

__all__ = ["Judged", "JudgedDocument", "read_judged"]


@dataclass(frozen=True, slots=True)
class JudgedDocument:
    """A document of the collection; the title may be empty."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Judged:
    """Documents, questions by id, and for each question the grades of the documents judged."""

    documents: tuple[JudgedDocument, ...]
    questions: dict[str, str]
    grades: dict[str, dict[str, int]]


def read_judged(folder: Path, split: str = "train", limit: int | None = None) -> Judged:
    """The collection in ``folder`` with the questions that have a relevant document, at most ``limit``.

    Raises:
        DataMissing: a file is not there.
        DataDamaged: a line does not follow the schema, or judges what does not exist.
    """
    corpus, queries, qrels = (
        folder / name for name in ("corpus.jsonl.gz", f"queries.{split}.jsonl.gz", f"qrels.{split}.tsv")
    )
    for file in (corpus, queries, qrels):
        if not file.is_file():
            raise DataMissing(f"{file} is not there", hint="give the folder of the data: --data-dir")
    documents = tuple(
        JudgedDocument(line.text("_id"), str(line.fields.get("title") or ""), line.text("text"))
        for line in Line.read(corpus)
    )
    texts = {line.text("_id"): line.text("text") for line in Line.read(queries)}
    grades = _grades(qrels, {document.id for document in documents}, texts)
    kept = [number for number in texts if any(grade > 0 for grade in grades.get(number, {}).values())]
    return Judged(documents, {n: texts[n] for n in kept[:limit]}, {n: grades[n] for n in kept[:limit]})


def _grades(path: Path, documents: set[str], questions: dict[str, str]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()[1:], 2):
        try:
            question, document, grade = line.split("\t")
            value = int(grade)
        except ValueError as error:
            raise DataDamaged(
                f"{path}, line {number}: three columns are expected, got {line!r:.80}"
            ) from error
        if question not in questions or document not in documents:
            raise DataDamaged(f"{path}, line {number}: question or document does not exist")
        found.setdefault(question, {})[document] = value
    return found
