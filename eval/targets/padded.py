"""Questions among passages of other questions, as a retriever that is not perfect finds them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from ..data import EvalPassage, Example
from .pool import Pool

__all__ = ["pad", "with_nearest", "with_nearest_and_random", "with_random"]


def with_random(example: Example, pool: Pool, count: int, seed: int) -> Example:
    """``count`` random passages of ``pool`` added; a question's draw depends on its id and the seed alone."""
    draw = _draw(example, seed)
    return pad(example, pool.random(example, count, draw), draw)


def with_nearest(example: Example, pool: Pool, count: int, seed: int) -> Example:
    """``count`` passages of ``pool`` nearest by BM25 added."""
    return pad(example, pool.nearest(example, count), _draw(example, seed))


def with_nearest_and_random(example: Example, pool: Pool, count: int, seed: int) -> Example:
    """``count`` passages added, half of them nearest by BM25 and the rest random, in that order."""
    draw = _draw(example, seed)
    near = pool.nearest(example, count // 2)
    return pad(example, [*near, *pool.random(example, count - len(near), draw, near)], draw)


def pad(example: Example, others: Sequence[EvalPassage], draw: random.Random) -> Example:
    """``others`` and the example's own passages, each in their order, the own ones at random positions.

    Added passages lose their labels of another question: not gold, none of their sentences supporting,
    no answer marked. Where a label is absent from the data set it stays absent.
    """
    total = len(example.passages) + len(others)
    own, added = iter(example.passages), map(_unlabelled, others)
    places = set(draw.sample(range(total), len(example.passages)))
    return replace(
        example, passages=tuple(next(own) if place in places else next(added) for place in range(total))
    )


def _unlabelled(passage: EvalPassage) -> EvalPassage:
    return replace(
        passage,
        is_gold=False,
        supporting=None if passage.sentence_spans is None else (),
        answer_spans=None,
    )


def _draw(example: Example, seed: int) -> random.Random:
    return random.Random(f"{seed}:{example.id}")  # noqa: S311 - a sample, not a secret
