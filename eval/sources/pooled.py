"""Passages that are found, not given: the whole pipeline's retriever over all passages of a data set."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..data import EvalPassage, Example, Offsets
from ..retrieval.metrics import Ndcg, RecallAt, ReciprocalRank
from ..runs.questions import Question

if TYPE_CHECKING:
    from ...compressors import Passage

__all__ = ["RETRIEVAL_METRICS", "found_among", "rank_scores", "retrieve"]

RETRIEVAL_METRICS = (Ndcg(10), RecallAt(10), ReciprocalRank(10))


def rank_scores(ranking: Sequence[str], grades: Mapping[str, int]) -> dict[str, float | None]:
    """The retrieval metrics of one question, by their identities."""
    return {repr(metric): metric(ranking, grades) for metric in RETRIEVAL_METRICS}


def retrieve(questions: Sequence[Question], top_k: int) -> list[Question]:
    """Each question with the ``top_k`` chunks that dense search finds among the passages of all of them.

    The passages go through the real ingester into a collection of their own, so that chunking is
    measured, too. Labels move along with a question's own passages; what belongs to others has none of them.

    Raises:
        ModelMissing: the embedding model is not installed.
    """
    documents = {_key(p): p for q in questions for p in q.example.passages if p.text.strip()}
    found = found_among(
        [(key, p.title or key, p.text) for key, p in documents.items()],
        [q.example.question for q in questions],
        top_k,
    )
    return [
        _found(question, [(p.document_id or "", p.offset, p.text, p.title) for p in passages])
        for question, passages in zip(questions, found, strict=True)
    ]


def found_among(
    documents: Sequence[tuple[str, str, str]], questions: Sequence[str], top_k: int
) -> list[list[Passage]]:
    """The ``top_k`` chunks that dense search finds for each question among documents (id, title, text), which
    go through the real ingester into a collection that is gone afterwards.

    Raises:
        ModelMissing: the embedding model is not installed.
    """
    from ...rag import Tersus, load_settings
    from ...rag.ingest.readers_document import ParsedDocument

    with tempfile.TemporaryDirectory(prefix="tersus-pool-") as folder:
        # The user's settings, but for where data lies.
        settings = load_settings(home=Path(folder)).model_copy(update={"database_url": None})
        with Tersus(settings, background=False) as tersus:
            parsed = [ParsedDocument(i, title, t, "text/plain", len(t.encode())) for i, title, t in documents]
            tersus.ingester.ingest_documents(parsed, "pool")
            return [list(p) for p in tersus.retriever.retrieve_batch(list(questions), "pool", top_k)]


def _found(question: Question, chunks: Sequence[tuple[str, int, str, str]]) -> Question:
    own = {_key(p): p for p in question.example.passages}
    gold = {key: 1 for key, p in own.items() if p.is_gold}
    passages = tuple(
        _labelled(own.get(key), offset, text, title if title != key else "")
        for key, offset, text, title in chunks
    )
    ranking = list(dict.fromkeys(key for key, *_ in chunks))
    example: Example = replace(question.example, passages=passages)
    return replace(question, example=example, retrieval=rank_scores(ranking, gold))


def _labelled(source: EvalPassage | None, offset: int, text: str, title: str) -> EvalPassage:
    """A chunk with those labels of its passage that lie within it."""
    if source is None:
        return EvalPassage(text=text, title=title, is_gold=False)

    def within(spans: Sequence[Offsets] | None) -> tuple[Offsets, ...] | None:
        if spans is None:
            return None
        return tuple((s - offset, e - offset) for s, e in spans if offset <= s and e <= offset + len(text))

    supporting = within(source.supporting_spans)
    return EvalPassage(
        text=text,
        title=source.title,
        is_gold=source.is_gold,
        sentence_spans=supporting,
        supporting=None if supporting is None else tuple(range(len(supporting))),
        answer_spans=within(source.answer_spans),
    )


def _key(passage: EvalPassage) -> str:
    text = f"{passage.title}\0{passage.text}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:32]
