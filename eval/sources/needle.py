"""Needles in a haystack that is made of a text of yours.

Kamradt, 2023, "Needle in a haystack: pressure testing LLMs"; here with one like sentence beside each
needle, so that its form alone does not give it away.
"""

from __future__ import annotations

import random
import re
from pathlib import Path

from ...errors import InvalidInput
from ..data import DataDamaged, DataMissing, EvalPassage, Example, join_sentences
from ..gemfilter.trials import ASKED, PLACES, SAID
from ..runs.questions import Question

__all__ = ["read"]

_PARAGRAPHS = re.compile(r"\n\s*\n")


def read(path: Path, count: int, seed: int) -> list[Question]:
    """``count`` questions over the text's paragraphs, the needle at depths spread evenly from first to last.

    Raises:
        DataMissing: there is no such file. DataDamaged: it is not UTF-8.
        InvalidInput: it has fewer than two paragraphs.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DataMissing(f"there is no text {path}", hint="needle:FILE takes a text file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataDamaged(f"{path}: {error}", hint="a text file in UTF-8 is expected") from error
    paragraphs = [part.strip() for part in _PARAGRAPHS.split(text) if part.strip()]
    if len(paragraphs) < 2:
        raise InvalidInput(
            f"{path} has {len(paragraphs)} paragraphs", hint="at least two, with empty lines between"
        )
    draw = random.Random(seed)  # noqa: S311 - a draw, no secret
    return [Question(_example(n, count, paragraphs, path.stem, draw), {}) for n in range(count)]


def _example(number: int, count: int, paragraphs: list[str], name: str, draw: random.Random) -> Example:
    place, other = draw.sample(PLACES, 2)
    code, wrong = (str(value) for value in draw.sample(range(10_000, 100_000), 2))
    at = min(int((number + 0.5) / count * len(paragraphs)), len(paragraphs) - 1)
    decoy = (at + 1 + draw.randrange(len(paragraphs) - 1)) % len(paragraphs)
    passages = []
    for i, paragraph in enumerate(paragraphs):
        sentences = [paragraph]
        if i == at:
            sentences.append(SAID.format(place=place, code=code))
        elif i == decoy:
            sentences.append(SAID.format(place=other, code=wrong))
        text, spans = join_sentences(sentences)
        passages.append(
            EvalPassage(text=text, is_gold=i == at, sentence_spans=spans, supporting=(1,) if i == at else ())
        )
    depth = at / max(1, len(paragraphs) - 1)
    return Example(
        id=f"{name}-{number}-depth-{depth:.2f}",
        question=ASKED.format(place=place),
        answers=(code,),
        passages=tuple(passages),
        source="needle",
    )
