"""Metrics: what a compressor kept, what it lost, and how sure that is."""

from __future__ import annotations

from .answers import F1, ExactMatch, exact_match, f1
from .bootstrap import Estimate, NotANumber, bootstrap_ci
from .fbeta import support_fbeta
from .kept import KeptMacro, KeptMicro, kept_macro, kept_micro
from .metric import Metric
from .paired import Difference, paired_difference, where_both_apply
from .recall import AnswerRecall, answer_recall
from .support import Offsets, SupportPrecision, SupportRecall, support_precision, support_recall

__all__ = [
    "F1",
    "AnswerRecall",
    "Difference",
    "Estimate",
    "ExactMatch",
    "KeptMacro",
    "KeptMicro",
    "Metric",
    "NotANumber",
    "Offsets",
    "SupportPrecision",
    "SupportRecall",
    "answer_recall",
    "bootstrap_ci",
    "exact_match",
    "f1",
    "kept_macro",
    "kept_micro",
    "paired_difference",
    "support_fbeta",
    "support_precision",
    "support_recall",
    "where_both_apply",
]
