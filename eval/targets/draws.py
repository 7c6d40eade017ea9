"""Which questions with which passages: the development data as the targets ask them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...compressors import CompressedPassage, render_context
from ..data import Example, to_passages
from ..metrics import answer_recall
from .corpus import Corpus
from .padded import with_nearest, with_nearest_and_random, with_random

__all__ = [
    "HOTPOT",
    "WIKI",
    "Draw",
    "answer_to_be_found",
    "as_they_are",
    "bridges_of_twenty",
    "findable",
    "only_findable",
    "qed_with_nearest",
    "qed_with_random",
    "squad2",
]

Draw = Callable[[Corpus], Iterable[Example]]
HOTPOT, WIKI = "hotpotqa", "2wikimultihopqa"
_WIKIPEDIA = ("qed", "nq-open", "squad2")


def findable(example: Example) -> bool:
    """Whether a gold answer stands in the whole context, as answer recall looks for it."""
    whole = render_context([CompressedPassage.whole(p) for p in to_passages(example)])
    return answer_recall(example.answers, whole) == 1.0


def answer_to_be_found(example: Example) -> bool:
    """Whether the answer is a string that the question does not hold: it must be found over a bridge.

    False for yes and no, and for choices between things that the question names.
    """
    return answer_recall(example.answers, example.question) == 0.0


def as_they_are(name: str) -> Draw:
    """All questions of a set with their own passages."""
    return lambda corpus: corpus.examples(name)


def only_findable(name: str) -> Draw:
    """The questions of a set whose answers stand in their passages."""
    return lambda corpus: filter(findable, corpus.examples(name))


def squad2(*, impossible: bool) -> Draw:
    """SQuAD2's questions without an answer in their passage, or those with one."""
    return lambda corpus: (e for e in corpus.examples("squad2") if e.impossible is impossible)


def qed_with_random(corpus: Corpus) -> Iterable[Example]:
    """QED's questions, each with 9 random passages of its other questions."""
    pool = corpus.pool("qed")
    return (with_random(e, pool, 9, corpus.seed) for e in corpus.examples("qed"))


def qed_with_nearest(corpus: Corpus) -> Iterable[Example]:
    """QED's questions, each with the 9 passages nearest by BM25 of QED, NQ-open and SQuAD2.

    QED alone has too few on any one subject for the nearest to be near.
    """
    pool = corpus.pool(*_WIKIPEDIA)
    return (with_nearest(e, pool, 9, corpus.seed) for e in corpus.examples("qed"))


def bridges_of_twenty(name: str) -> Draw:
    """A set's questions over a bridge, among 20 passages.

    Added are passages of HotpotQA and 2WikiMultihopQA, half of them nearest by BM25, the others random.
    """

    def draw(corpus: Corpus) -> Iterable[Example]:
        pool = corpus.pool(HOTPOT, WIKI)
        bridges = filter(answer_to_be_found, filter(findable, corpus.examples(name)))
        return (with_nearest_and_random(e, pool, 20 - len(e.passages), corpus.seed) for e in bridges)

    return draw
