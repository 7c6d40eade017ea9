"""Questions to choose GemFilter's layer on: needles in a haystack, and questions with their passages."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from ...compressors import Passage
from ..data import EvalPassage, Example, read_examples

__all__ = [
    "ASKED",
    "PLACES",
    "QUESTION_SETS",
    "SAID",
    "Trial",
    "answer_places",
    "needle_trials",
    "question_trials",
]

QUESTION_SETS = ("hotpotqa", "2wikimultihopqa", "squad2", "nq-open", "qed")
SAID = "The access code of the {place} is {code}."
ASKED = "What is the access code of the {place}?"
PLACES = [
    f"{first} {second}"
    for first in ("northern", "old", "blue", "royal", "upper", "hidden", "stone", "winter")
    for second in ("archive", "mill", "harbour", "library", "station", "vault", "garden", "observatory")
]

Place = tuple[int, int, int]
"""Number of a passage, and start and end of a place in its text."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A question, what is to be filtered for it, and every place where an answer stands."""

    kind: Literal["needle", "questions"]
    question: str
    passages: tuple[Passage, ...]
    answers: tuple[Place, ...]


def question_trials(
    count: int,
    *,
    passages: int = 6,
    split: str = "train",
    seed: int = 0,
    data_dir: str | None = None,
    sets: Sequence[str] = QUESTION_SETS,
) -> list[Trial]:
    """``count`` questions of the data sets in turn, with their gold passages and others up to ``passages``.

    Others are its own where it has them, else those of other questions of the same set. Questions whose
    answer stands nowhere as text (yes, no) are left out.

    Raises:
        DataMissing: the files are not there.
    """
    random_ = random.Random(seed)  # noqa: S311 - a draw, no secret
    found: list[list[Trial]] = []
    for name in sets:
        examples = list(read_examples(name, split=split, data_dir=data_dir))
        random_.shuffle(examples)
        made = (_question(example, examples, passages, random_) for example in examples)
        found.append(list(islice((t for t in made if t.answers), -(-count // len(sets)))))
    return [trial for turn in zip(*found, strict=False) for trial in turn][:count]


def needle_trials(
    count: int, *, passages: int = 6, split: str = "train", seed: int = 0, data_dir: str | None = None
) -> list[Trial]:
    """``count`` haystacks of hotpotqa's passages with one sentence hidden between two of theirs, at depths
    spread evenly, and one of like form with another answer, so that the form alone does not give it away.

    Raises:
        DataMissing: the file is not there.
    """
    random_ = random.Random(seed)  # noqa: S311
    pool = [p for e in read_examples("hotpotqa", 400, split=split, data_dir=data_dir) for p in e.passages]
    pool = [p for p in pool if len(p.sentence_spans or ()) > 1]
    trials = []
    for number in range(count):
        chosen = random_.sample(pool, passages)
        place, other = random_.sample(PLACES, 2)
        code, wrong = (str(n) for n in random_.sample(range(10_000, 100_000), 2))
        at = min(int((number + 0.5) / count * passages), passages - 1)
        decoy = (at + 1 + random_.randrange(passages - 1)) % passages
        texts = [p.text for p in chosen]
        texts[decoy] = _hide(chosen[decoy], SAID.format(place=other, code=wrong), random_)
        texts[at] = _hide(chosen[at], SAID.format(place=place, code=code), random_)
        hay = tuple(Passage(text=text, title=p.title) for text, p in zip(texts, chosen, strict=True))
        trials.append(Trial("needle", ASKED.format(place=place), hay, answer_places([code], hay)))
    return trials


def answer_places(answers: Sequence[str], passages: Sequence[Passage]) -> tuple[Place, ...]:
    """Where an answer stands as whole words, upper or lower case."""
    wanted = [re.escape(a.strip()) for a in answers if a.strip().lower() not in {"", "yes", "no"}]
    if not wanted:
        return ()
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(wanted)})(?!\w)", re.IGNORECASE)
    return tuple((n, *m.span()) for n, p in enumerate(passages) for m in pattern.finditer(p.text))


def _question(example: Example, others: Sequence[Example], size: int, random_: random.Random) -> Trial:
    gold = [p for p in example.passages if p.is_gold is not False][:size]
    rest = [p for p in example.passages if p.is_gold is False]
    random_.shuffle(rest)
    chosen = [*gold, *rest[: size - len(gold)]]
    strangers = _strangers(example, others, random_)
    chosen += islice(strangers, size - len(chosen))
    order = random_.sample(range(len(chosen)), len(chosen))
    passages = tuple(Passage(text=chosen[i].text, title=chosen[i].title) for i in order)
    # An answer that stands in a passage beside the point does not count as found.
    golden = {place for place, i in enumerate(order) if i < len(gold)}
    places = () if example.impossible else answer_places(example.answers, passages)
    return Trial("questions", example.question, passages, tuple(p for p in places if p[0] in golden))


def _strangers(example: Example, others: Sequence[Example], random_: random.Random) -> Iterator[EvalPassage]:
    own = {p.text for p in example.passages}
    for other in random_.sample(others, min(len(others), 100)):
        for passage in other.passages:
            if passage.text not in own:
                own.add(passage.text)
                yield passage


def _hide(passage: EvalPassage, sentence: str, random_: random.Random) -> str:
    ends = [end for _, end in passage.sentence_spans or ()][:-1]
    end = random_.choice(ends)
    return f"{passage.text[:end]} {sentence}{passage.text[end:]}"
