"""The targets of the compressor ``exit``, and how they are measured.

``parts`` says what is asked of which data, ``measure`` and ``rank`` put a compressor to it, and ``run``
turns what they found into rows of figures with targets. A training script calls ``measure`` and
``rank``, or ``run_part`` for a whole row, on development data::

    part = PARTS["hotpotqa"]
    row = run_part(part, compressor, part.examples(Corpus()))
    row.figure("answer recall").estimate.mean

``tersus.eval.bench_exit`` prints all of it.
"""

from __future__ import annotations

from .aims import Aim, Figure, Target
from .corpus import Corpus
from .losses import losses
from .measure import Measured, Outcome, measure
from .parts import PARTS, Part
from .rank import Ranked, Ranking, rank
from .run import TargetRow, run_part
from .timing import TimedRow, time_in_turns, timed_rows

__all__ = [
    "PARTS",
    "Aim",
    "Corpus",
    "Figure",
    "Measured",
    "Outcome",
    "Part",
    "Ranked",
    "Ranking",
    "Target",
    "TargetRow",
    "TimedRow",
    "losses",
    "measure",
    "rank",
    "run_part",
    "time_in_turns",
    "timed_rows",
]
