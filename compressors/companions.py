"""What a kept span brings: the headings of its section, the sentence that its pronoun points back to."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .protection import Protection
from .segment import split
from .segment.levels import HeadingLevels
from .segment.types import Kind
from .types import Passage, Span

__all__ = ["find_companions"]

_POINTS_BACK = re.compile(
    r"[\W\d_]*(?:he|she|it|they|him|them|his|hers?|its|theirs?|himself|herself|itself|themselves"
    r"|this|that|these|those)(?![^\W\d_])",
    re.IGNORECASE,
)


def find_companions(passage: Passage, spans: Sequence[Span], protection: Protection) -> list[tuple[int, ...]]:
    """For each span of a passage the numbers of the spans that it brings, the most needed one first.

    A span's kind is that of the segment (:func:`tersus.compressors.segment.split`) in which it begins.
    """
    if not spans or not protection.brings:
        return [() for _ in spans]
    kinds = _kinds(passage.text, spans)
    brought: list[list[int]] = [[] for _ in spans]
    headings, opening = _headings(passage, spans, kinds)
    if protection.antecedents:
        _add_antecedent(passage.text, spans, kinds, brought)
    if protection.headings:
        for i in range(len(spans)):
            # What an antecedent needs comes with it; both stand in the same passage.
            brought[i] += [h for j in (i, *brought[i]) for h in headings[j]]
    if protection.titles and opening:
        for others in brought:
            others.append(0)
    return [tuple(dict.fromkeys(j for j in others if j != i)) for i, others in enumerate(brought)]


def _kinds(text: str, spans: Sequence[Span]) -> list[Kind]:
    kinds: list[Kind] = []
    segments = split(text)
    at = 0
    for span in spans:
        while at + 1 < len(segments) and segments[at].end <= span.start:
            at += 1
        kinds.append(segments[at].kind if segments else "sentence")
    return kinds


def _headings(passage: Passage, spans: Sequence[Span], kinds: Sequence[Kind]) -> tuple[list[list[int]], bool]:
    """For each span the headings above it, innermost first; and whether one opens the text.

    Those that repeat the passage's title are left out.
    """
    levels = HeadingLevels(passage.text)
    title = " ".join(passage.title.split()).casefold()
    open_sections: list[tuple[int, int | None]] = []
    above: list[list[int]] = []
    opening = False
    for i, (span, kind) in enumerate(zip(spans, kinds, strict=True)):
        repeats = False
        if kind == "heading":
            level, words = levels.read(passage.text[span.start : span.end])
            repeats = " ".join(words.split()).casefold() == title
            opening = opening or (i == 0 and not repeats)
            while open_sections and open_sections[-1][0] >= level:
                open_sections.pop()
        above.append([h for _, h in reversed(open_sections) if h is not None])
        if kind == "heading":
            open_sections.append((level, None if repeats else i))
    return above, opening


def _add_antecedent(
    text: str, spans: Sequence[Span], kinds: Sequence[Kind], brought: Sequence[list[int]]
) -> None:
    prose = [i for i, kind in enumerate(kinds) if kind in ("sentence", "item")]
    pointing = [i for i in prose if _POINTS_BACK.match(text, spans[i].start, spans[i].end)]
    if prose and prose[0] not in pointing:
        for i in pointing:
            brought[i].append(prose[0])
