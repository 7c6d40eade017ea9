"""SQuAD's own file, v1.1 and v2.0: articles, their paragraphs, questions on each.

``{"data": [{"title", "paragraphs": [{"context", "qas": [{"id", "question", "answers": [{"text",
"answer_start"}], "is_impossible"}]}]}]}``. Rajpurkar et al., 2016 and 2018.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..data import EvalPassage, Example

__all__ = ["examples"]


def examples(whole: dict[str, Any]) -> Iterator[Example]:
    """One example a question, with its paragraph as the only passage.

    Raises:
        ValueError: an answer does not stand where its offset says.
    """
    for article in whole["data"]:
        for paragraph in article["paragraphs"]:
            for entry in paragraph["qas"]:
                yield _example(str(article.get("title", "")), paragraph["context"], entry)


def _example(title: str, text: str, entry: dict[str, Any]) -> Example:
    spans = set()
    for answer in entry.get("answers", ()):
        start, said = int(answer["answer_start"]), str(answer["text"])
        if text[start : start + len(said)] != said:
            raise ValueError(f"{said!r} of question {entry['id']} does not stand at {start}")
        spans.add((start, start + len(said)))
    return Example(
        id=str(entry["id"]),
        question=str(entry["question"]).strip(),
        answers=tuple(dict.fromkeys(str(a["text"]) for a in entry.get("answers", ()))),
        passages=(
            EvalPassage(
                text=text, title=title.replace("_", " "), is_gold=True, answer_spans=tuple(sorted(spans))
            ),
        ),
        source="squad",
        impossible=entry.get("is_impossible"),
    )
