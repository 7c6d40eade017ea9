"""What is asked of which questions, under which budget, and what is to be reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...compressors import Budget
from ..data import Example
from .aims import Aim, Target
from .corpus import Corpus
from .draws import (
    HOTPOT,
    WIKI,
    Draw,
    as_they_are,
    bridges_of_twenty,
    only_findable,
    qed_with_nearest,
    qed_with_random,
    squad2,
)

__all__ = ["PARTS", "Part"]


@dataclass(frozen=True, slots=True)
class Part:
    """Questions, a budget and the figures that are asked of them.

    ``draw`` makes the questions from a corpus. ``budget`` is None where sentences are ranked and nothing
    is compressed.
    """

    name: str
    title: str
    aims: tuple[Aim, ...]
    draw: Draw
    budget: Budget | None

    def examples(self, corpus: Corpus, limit: int | None = None) -> list[Example]:
        """The first ``limit`` questions. A limit takes nothing away from what passages are drawn from.

        Raises:
            DataMissing, DataDamaged: as ``read_examples``.
        """
        return list(self.draw(corpus))[:limit]


def _at_least(bound: float) -> Target:
    return Target("at least", bound)


def _at_most(bound: float) -> Target:
    return Target("at most", bound)


def _recalls(answer: Target | None, support: Target | None, peers: tuple[str, str]) -> tuple[Aim, ...]:
    return (Aim("answer recall", answer, peers[0]), Aim("support recall", support, peers[1]), Aim("kept"))


_ADAPTIVE = (
    Aim("answer recall", _at_least(0.95)),
    Aim("kept", _at_most(0.20)),
    Aim("support recall"),
)
_BESIDE_ORACLE = (Aim("kept ÷ oracle", _at_most(1.5)), Aim("kept"))
_SINGLE = (Aim("answer recall", _at_least(0.95)), *_BESIDE_ORACLE)
_QUARTER, _TENTH = Budget(ratio=0.25), Budget(ratio=0.10)
_STAND_IN = _recalls(_at_least(0.80), None, ("0.60", ""))

_ALL = (
    Part(
        "hotpotqa",
        "HotpotQA, ratio 0.25",
        _recalls(_at_least(0.95), _at_least(0.93), ("0.77", "0.76")),
        as_they_are(HOTPOT),
        _QUARTER,
    ),
    Part(
        "2wiki",
        "2WikiMultihopQA, ratio 0.25",
        _recalls(_at_least(0.88), _at_least(0.90), ("0.58", "0.60")),
        as_they_are(WIKI),
        _QUARTER,
    ),
    Part(
        "qed-random",
        "QED + 9 random passages, ratio 0.10",
        _recalls(_at_least(0.97), _at_least(0.97), ("0.88", "0.91")),
        qed_with_random,
        _TENTH,
    ),
    Part(
        "qed-nearest",
        "QED + 9 nearest passages, ratio 0.10",
        _recalls(None, None, ("", "")),
        qed_with_nearest,
        _TENTH,
    ),
    Part(
        "stand-in-2wiki",
        "MuSiQue stand-in: 2Wiki bridges of 20",
        _STAND_IN,
        bridges_of_twenty(WIKI),
        _QUARTER,
    ),
    Part(
        "stand-in-hotpotqa",
        "MuSiQue stand-in: HotpotQA bridges of 20",
        _STAND_IN,
        bridges_of_twenty(HOTPOT),
        _QUARTER,
    ),
    Part(
        "selqa-ranking",
        "SelQA, sentences ranked",
        (Aim("MAP", _at_least(0.90)), Aim("MRR")),
        as_they_are("selqa"),
        None,
    ),
    Part(
        "squad2-unanswerable",
        "SQuAD2 unanswerable, adaptive",
        (Aim("kept", _at_most(0.05)),),
        squad2(impossible=True),
        Budget(),
    ),
    Part("squad2-answerable", "SQuAD2 answerable, adaptive", _SINGLE, squad2(impossible=False), Budget()),
    Part("hotpotqa-adaptive", "HotpotQA, adaptive", _ADAPTIVE, only_findable(HOTPOT), Budget()),
    Part("2wiki-adaptive", "2WikiMultihopQA, adaptive", _ADAPTIVE, only_findable(WIKI), Budget()),
    Part(
        "qed-adaptive",
        "QED, adaptive",
        (*_SINGLE, Aim("support recall")),
        as_they_are("qed"),
        Budget(),
    ),
    Part("nq-open-adaptive", "NQ-open, adaptive", _SINGLE, as_they_are("nq-open"), Budget()),
    Part(
        "selqa-adaptive",
        "SelQA, adaptive",
        (Aim("right sentence", _at_least(0.95)), *_BESIDE_ORACLE),
        as_they_are("selqa"),
        Budget(),
    ),
)

PARTS: Mapping[str, Part] = {part.name: part for part in _ALL}
"""All parts by name, in the order of their table. The best peers' figures are measured elsewhere, on
other questions of the same sets (HotpotQA, 2Wiki: BM25 sentences, llmslim and others at 25% kept)."""
