"""Summaries that name their sources: extractive without a language model, or written by one and checked."""

from __future__ import annotations

from .choose import load_summariser
from .extractive import ExtractiveSummariser
from .faithful import unsupported
from .generative import GenerativeSummariser
from .seq2seq import Seq2SeqSummariser
from .types import Summariser, SummariserFailed, Summary, SummaryJob, SummarySentence

__all__ = [
    "ExtractiveSummariser",
    "GenerativeSummariser",
    "Seq2SeqSummariser",
    "Summariser",
    "SummariserFailed",
    "Summary",
    "SummaryJob",
    "SummarySentence",
    "load_summariser",
    "unsupported",
]
