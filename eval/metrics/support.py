"""Metrics of what was kept against the sentences that a data set labels as supporting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ...errors import InvalidInput
from .metric import Metric

__all__ = ["Offsets", "SupportPrecision", "SupportRecall", "support_precision", "support_recall"]

Offsets = tuple[int, int]
"""``start, end``: characters of a passage's text."""

Kept = Sequence[Sequence[Offsets] | None]
Supporting = Sequence[Sequence[Offsets] | None]


class SupportRecall(Metric):
    """Share of the labelled supporting sentences of a question that were kept, in 0..1.

    A sentence counts as kept where every character of it that is not white space lies in a kept
    span; half a sentence counts as lost. So it does not matter how a compressor cuts its spans.

    None (not applicable) where no sentence is labelled, or where a passage with a labelled
    sentence was rewritten, so that no offsets tell what is left of it.

    Source: our own definition, on the supporting facts of HotpotQA (Yang et al., 2018).
    """

    name: ClassVar[str] = "support_recall"
    version: ClassVar[int] = 1

    def __call__(self, kept: Kept, supporting: Supporting, texts: Sequence[str]) -> float | None:
        """Recall over one question.

        Args:
            kept: for each passage the spans kept; ``[]`` dropped, None rewritten.
            supporting: for each passage the spans of its supporting sentences; None without labels.
            texts: the passages' own texts, into which both point.

        Raises:
            InvalidInput: the three differ in length, or a span reaches beyond its text.
        """
        _check(kept, supporting, texts)
        found = total = 0
        for spans, sentences, text in zip(kept, supporting, texts, strict=True):
            labelled = [_ink(text, [sentence]) for sentence in sentences or ()]
            labelled = [ink for ink in labelled if ink]
            if labelled and spans is None:
                return None
            left = _ink(text, spans or ()) if labelled else frozenset[int]()
            found += sum(ink <= left for ink in labelled)
            total += len(labelled)
        return found / total if total else None


class SupportPrecision(Metric):
    """Share of the kept characters, white space aside, that lie in supporting sentences, in 0..1.

    By characters and not by sentences, so that compressors which cut elsewhere than the
    data set does are measured alike. Passages without labels are left out.

    None (not applicable) where no sentence is labelled, where nothing was kept of the labelled
    passages, or where one of them was rewritten.

    Source: our own definition, on the supporting facts of HotpotQA (Yang et al., 2018).
    """

    name: ClassVar[str] = "support_precision"
    version: ClassVar[int] = 1

    def __call__(self, kept: Kept, supporting: Supporting, texts: Sequence[str]) -> float | None:
        """Precision over one question; arguments and errors as for :class:`SupportRecall`."""
        _check(kept, supporting, texts)
        useful = total = 0
        labels = False
        for spans, sentences, text in zip(kept, supporting, texts, strict=True):
            if sentences is None:
                continue
            if spans is None:
                return None
            labelled, left = _ink(text, sentences), _ink(text, spans)
            labels = labels or bool(labelled)
            useful += len(labelled & left)
            total += len(left)
        return useful / total if labels and total else None


def _ink(text: str, spans: Sequence[Offsets]) -> frozenset[int]:
    """Positions inside the spans that hold something else than white space."""
    return frozenset(i for start, end in spans for i in range(start, end) if not text[i].isspace())


def _check(kept: Kept, supporting: Supporting, texts: Sequence[str]) -> None:
    if not len(kept) == len(supporting) == len(texts):
        raise InvalidInput(
            f"kept, supporting and texts must have one entry a passage; they have {len(kept)}, "
            f"{len(supporting)} and {len(texts)}"
        )
    for spans in (kept, supporting):
        for number, (passage, text) in enumerate(zip(spans, texts, strict=True)):
            for start, end in passage or ():
                if not 0 <= start <= end <= len(text):
                    raise InvalidInput(
                        f"span {start}..{end} lies outside passage {number}, which has {len(text)} characters"
                    )


support_recall = SupportRecall()
support_precision = SupportPrecision()
