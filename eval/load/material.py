"""What is asked: distinct questions over ten passages each, from Python's own documentation."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from ...compressors import Passage

__all__ = ["Ask", "asks"]

_PASSAGES = 10
_CHARACTERS = 900


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: a question and its passages."""

    query: str
    passages: tuple[Passage, ...]

    def body(self, **more: Any) -> dict[str, Any]:
        """As ``POST /v1/compress`` takes it."""
        passages = [{"id": p.id, "title": p.title, "text": p.text} for p in self.passages]
        return {"query": self.query, "passages": passages, **more}


def asks(count: int, seed: int) -> list[Ask]:
    """``count`` requests of ten passages of about 900 characters; no two are alike, so no cache can help."""
    from pydoc_data.topics import topics

    chance = random.Random(seed)  # noqa: S311 - not a secret
    pieces = [
        (name, text[at : at + _CHARACTERS])
        for name, text in sorted(topics.items())
        for at in range(0, max(1, len(text) - _CHARACTERS // 2), _CHARACTERS)
    ]
    made = []
    for number in range(count):
        chosen = chance.sample(pieces, _PASSAGES)
        query = f"What does the reference say about {chosen[0][0]}, case {seed}-{number}?"
        passages = tuple(Passage(text=t, id=str(n), title=name) for n, (name, t) in enumerate(chosen))
        made.append(Ask(query, passages))
    return made
