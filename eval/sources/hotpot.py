"""HotpotQA's own file: a list of questions with ten articles each.

``{"_id", "question", "answer", "context": [[title, [sentence]]], "supporting_facts": [[title, number]]}``;
2WikiMultihopQA has the same. Yang et al., 2018.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..data import EvalPassage, Example, join_sentences

__all__ = ["examples"]


def examples(whole: list[dict[str, Any]]) -> Iterator[Example]:
    """One example a question. A supporting fact beyond its article's last sentence, of which the file
    has some, is left out."""
    for entry in whole:
        facts: dict[str, set[int]] = {}
        for title, number in entry.get("supporting_facts", ()):
            facts.setdefault(title, set()).add(int(number))
        yield Example(
            id=str(entry["_id"]),
            question=str(entry["question"]),
            answers=(str(entry["answer"]),) if "answer" in entry else (),
            passages=tuple(_passage(title, sentences, facts) for title, sentences in entry["context"]),
            source="hotpotqa",
        )


def _passage(title: str, sentences: list[str], facts: dict[str, set[int]]) -> EvalPassage:
    text, spans = join_sentences([str(sentence) for sentence in sentences])
    supporting = tuple(sorted(n for n in facts.get(title, ()) if 0 <= n < len(spans)))
    return EvalPassage(
        text=text,
        title=title,
        is_gold=title in facts if facts else None,
        sentence_spans=spans,
        supporting=supporting if facts else None,
    )
