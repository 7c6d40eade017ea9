"""Questions with passages and labels, as the data sets for training and evaluation hold them.

One JSON object a line::

    {"id", "question", "answers": [string],
     "passages": [{"title", "sentences": [string] | "text": string,
                   "is_gold": bool, "supporting": [sentence index], "answer_starts": [offset]}],
     "source", "is_impossible": bool}

``title``, ``is_gold``, ``supporting``, ``answer_starts``, ``is_impossible`` and ``source`` may be
absent; ``id`` may be null. ``answers`` is empty where no answer is given, which is not the
same as a question without an answer (``is_impossible``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .data_files import DataDamaged, DataMissing, Line, data_file

if TYPE_CHECKING:
    from ..compressors import Passage

__all__ = [
    "DataDamaged",
    "DataMissing",
    "EvalPassage",
    "Example",
    "Offsets",
    "join_sentences",
    "read_examples",
    "to_passages",
]

Offsets = tuple[int, int]
"""``start, end``: characters of a passage's text."""


@dataclass(frozen=True, slots=True)
class EvalPassage:
    """A passage with the data set's labels. Every span points into ``text``.

    ``sentence_spans`` are the data set's own sentences, white space at their edges left out (a
    blank sentence has an empty span, so that indices stay the data set's); None where the
    data set gives the text uncut. ``supporting`` are indices of sentences, None where the data set has
    no such label. ``answer_spans`` are the places where an answer was marked, None likewise.
    """

    text: str
    title: str = ""
    is_gold: bool | None = None
    sentence_spans: tuple[Offsets, ...] | None = None
    supporting: tuple[int, ...] | None = None
    answer_spans: tuple[Offsets, ...] | None = None

    @property
    def sentences(self) -> tuple[str, ...] | None:
        """The sentences without white space at their edges; None where the text is uncut."""
        if self.sentence_spans is None:
            return None
        return tuple(self.text[start:end] for start, end in self.sentence_spans)

    @property
    def supporting_spans(self) -> tuple[Offsets, ...] | None:
        """Spans of the supporting sentences, in order, blank ones left out; None without labels."""
        if self.supporting is None or self.sentence_spans is None:
            return None
        spans = (self.sentence_spans[i] for i in sorted(set(self.supporting)))
        return tuple((start, end) for start, end in spans if start < end)


@dataclass(frozen=True, slots=True)
class Example:
    """One question. ``impossible``: the passages hold no answer; None where the data set does not say."""

    id: str
    question: str
    answers: tuple[str, ...]
    passages: tuple[EvalPassage, ...]
    source: str
    impossible: bool | None = None


def join_sentences(sentences: Sequence[str]) -> tuple[str, tuple[Offsets, ...]]:
    """Sentences as one text, and where in it each of them stands.

    Data sets differ in whether sentences carry the white space between them. What they carry
    stays; one blank is put between two that carry none; the text's own edges are stripped.
    ``text[start:end] == sentence.strip()`` for every sentence and its span.
    """
    text = ""
    spans: list[Offsets] = []
    for sentence in sentences:
        if not text:
            sentence = sentence.lstrip()
        elif sentence and not (text[-1].isspace() or sentence[0].isspace()):
            text += " "
        body = sentence.strip()
        start = len(text) + len(sentence) - len(sentence.lstrip()) if body else len(text)
        spans.append((start, start + len(body)))
        text += sentence
    text = text.rstrip()
    return text, tuple((min(start, len(text)), min(end, len(text))) for start, end in spans)


def read_examples(
    source: str | os.PathLike[str],
    limit: int | None = None,
    *,
    split: str = "dev",
    data_dir: str | os.PathLike[str] | None = None,
) -> Iterator[Example]:
    """The examples of a file (``.jsonl``, ``.jsonl.gz``) or of a data set by name, at most ``limit``.

    Names are found as :func:`tersus.eval.data_files.data_file` says. The file is read as
    the iterator advances.

    Raises:
        DataMissing: there is no such file or data set (at once, not when iterating).
        DataDamaged: a line does not follow the schema.
    """
    path = data_file(source, split, data_dir=data_dir)
    return (_example(line) for line in Line.read(path, limit))


def to_passages(example: Example) -> list[Passage]:
    """The example's passages as a retriever would hand them over; ids are ``EXAMPLE:NUMBER``."""
    from ..compressors import Passage

    return [
        Passage(text=p.text, id=f"{example.id}:{i}", title=p.title) for i, p in enumerate(example.passages)
    ]


def _example(line: Line) -> Example:
    answers = line.texts("answers")
    raw = line.fields.get("passages")
    if not isinstance(raw, list):
        line.damaged(f"'passages' must be a list, got {raw!r:.80}")
    source = line.fields.get("source", line.path.name.split(".")[0])
    if not isinstance(source, str):
        line.damaged(f"'source' must be a string, got {source!r:.80}")
    return Example(
        id=line.identity(),
        question=line.text("question"),
        answers=answers,
        passages=tuple(_passage(line, i, fields, answers) for i, fields in enumerate(raw)),
        source=source,
        impossible=_flag(line, "is_impossible", line.fields),
    )


def _passage(line: Line, number: int, fields: Any, answers: Sequence[str]) -> EvalPassage:
    if not isinstance(fields, dict):
        line.damaged(f"passage {number} must be an object, got {fields!r:.80}")
    title, text, sentences = fields.get("title", ""), fields.get("text"), fields.get("sentences")
    if not isinstance(title, str):
        line.damaged(f"the title of passage {number} must be a string, got {title!r:.80}")
    if (text is None) == (sentences is None):
        line.damaged(f"passage {number} must have either 'text' or 'sentences'")
    spans: tuple[Offsets, ...] | None = None
    if sentences is not None:
        if not isinstance(sentences, list) or not all(isinstance(s, str) for s in sentences):
            line.damaged(f"the sentences of passage {number} must be a list of strings")
        text, spans = join_sentences(sentences)
    if not isinstance(text, str):
        line.damaged(f"the text of passage {number} must be a string, got {text!r:.80}")
    supporting = _indices(
        line, f"'supporting' of passage {number}", fields.get("supporting"), len(spans or ())
    )
    starts = _indices(line, f"'answer_starts' of passage {number}", fields.get("answer_starts"), len(text))
    return EvalPassage(
        text=text,
        title=title,
        is_gold=_flag(line, "is_gold", fields),
        sentence_spans=spans,
        supporting=supporting,
        answer_spans=None if starts is None else _answer_spans(line, number, text, starts, answers),
    )


def _answer_spans(
    line: Line, number: int, text: str, starts: Sequence[int], answers: Sequence[str]
) -> tuple[Offsets, ...]:
    # Starts and answers are two lists without repetitions, so they are not parallel: which
    # answer stands at a start must be read off the text.
    spans = {(s, s + len(a)) for s in starts for a in answers if a and text.startswith(a, s)}
    if lost := sorted(set(starts) - {start for start, _ in spans}):
        line.damaged(f"no answer stands at {lost[0]} in passage {number}, where 'answer_starts' has one")
    return tuple(sorted(spans))


def _indices(line: Line, what: str, value: Any, size: int) -> tuple[int, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or any(isinstance(i, bool) or not isinstance(i, int) for i in value):
        line.damaged(f"{what} must be a list of whole numbers, got {value!r:.80}")
    if wrong := [i for i in value if not 0 <= i < size]:
        line.damaged(f"{what} has {wrong[0]}, which is not among 0..{size - 1}")
    return tuple(value)


def _flag(line: Line, key: str, fields: dict[str, Any]) -> bool | None:
    value = fields.get(key)
    if value is not None and not isinstance(value, bool):
        line.damaged(f"{key!r} must be true or false, got {value!r:.80}")
    return value
