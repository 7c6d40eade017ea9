"""A folder in BEIR's layout: documents, questions, judgements. Passages are always retrieved."""

from __future__ import annotations

from pathlib import Path

from ..data import EvalPassage, Example
from ..retrieval.judged import read_judged
from ..runs.questions import Question
from .pooled import found_among, rank_scores

__all__ = ["read"]


def read(folder: Path, split: str, limit: int | None, top_k: int) -> list[Question]:
    """Each question with the ``top_k`` chunks found among the documents; gold are those judged relevant.

    The data have no answers: contexts are measured by tokens and by how many relevant documents keep
    something, readers by their agreement with the answer that the full context gets.

    Raises:
        DataMissing, DataDamaged: the folder is not in this layout.
    """
    judged = read_judged(folder, split if (folder / f"qrels.{split}.tsv").is_file() else "train", limit)
    ids = list(judged.questions)
    found = found_among(
        [(d.id, d.title, d.text) for d in judged.documents], [judged.questions[i] for i in ids], top_k
    )
    questions = []
    for identity, passages in zip(ids, found, strict=True):
        grades = judged.grades[identity]
        example = Example(
            id=identity,
            question=judged.questions[identity],
            answers=(),
            passages=tuple(
                EvalPassage(text=p.text, title=p.title, is_gold=grades.get(p.document_id or "", 0) > 0)
                for p in passages
            ),
            source=folder.name,
        )
        ranking = list(dict.fromkeys(p.document_id or "" for p in passages))
        questions.append(Question(example, rank_scores(ranking, grades)))
    return questions
