"""The text that a stage is given, and the way back from it to the passages of the caller."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..types import CompressedPassage, Passage, SourcedSentence, Span

__all__ = ["Part", "View", "compose", "merge", "views_of"]


@dataclass(frozen=True, slots=True)
class Part:
    """``text`` stands at ``at`` in a stage's text.

    It stood at ``start`` in the caller's passage, or, where it was written by a stage before
    (``start`` None), came from the caller's passages with the numbers ``sources``.
    """

    at: int
    text: str
    start: int | None
    sources: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class View:
    """What is left of the caller's passage ``number``, as ``passage`` for the next stage."""

    source: Passage
    number: int
    passage: Passage
    parts: tuple[Part, ...]

    @property
    def sources(self) -> tuple[int, ...]:
        """The caller's passages that its text comes from."""
        return tuple(sorted({n for part in self.parts for n in part.sources}))

    def pieces(self, span: Span) -> Iterator[tuple[Part, int, int]]:
        """What a span of the stage's text covers: parts, each with the characters of it.

        Nothing of the joins; a piece of white space alone only where it is a whole part.
        """
        first = max(0, bisect_right(self.parts, span.start, key=lambda part: part.at) - 1)
        for part in self.parts[first:]:
            if part.at >= span.end:
                return
            start, end = max(0, span.start - part.at), min(len(part.text), span.end - part.at)
            if start < end and (part.text[start:end].strip() or end - start == len(part.text)):
                yield part, start, end

    def carried(self, matches: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Matches in the caller's text as offsets into the stage's, those lost left out."""
        found = []
        for part in self.parts:
            if part.start is None:
                continue
            for start, end in matches:
                first, last = max(start - part.start, 0), min(end - part.start, len(part.text))
                if first < last:
                    found.append((part.at + first, part.at + last))
        return sorted(found)


def views_of(state: Sequence[CompressedPassage]) -> list[View]:
    """A view of every passage of which something is left, in their order."""
    return [_view(passage, number) for number, passage in enumerate(state) if passage.text]


def _view(given: CompressedPassage, number: int) -> View:
    text, parts = "", list[Part]()
    if given.kept is None:
        for sentence in given.sentences:
            text += " " if parts else ""
            parts.append(Part(len(text), sentence.text, None, sentence.passages))
            text += sentence.text
    else:
        last = 0
        for span in given.kept:
            text += _join(given.source.text[last : span.start], first=not parts)
            body = given.source.text[span.start : span.end]
            parts.append(Part(len(text), body, span.start, (number,)))
            text += body
            last = span.end
    # Always a new object: the same passage may have been given twice, and left differently.
    return View(given.source, number, replace(given.source, text=text), tuple(parts))


def _join(gap: str, *, first: bool) -> str:
    """What stands between two parts in a stage's text, in place of what was dropped there.

    A blank within a line, as in the text that would be sent. Where lines were broken they stay so, with the
    next part's indentation: else a list, a table or code could not be told from prose by the next stage.
    """
    lines = f"{gap}x".splitlines()  # the x stands for the next part
    indentation = lines[-1][:-1]
    indentation = indentation if indentation.isspace() else ""
    if first:
        return indentation
    if len(lines) == 1:
        return " "
    blank = any(not line.strip() for line in lines[1:-1])
    return ("\n\n" if blank else "\n") + indentation


def compose(view: View, got: CompressedPassage, views: Sequence[View]) -> CompressedPassage:
    """What a stage left of a view, as a compressed passage of the caller.

    Of verbatim text the spans are mapped back; one that crosses a join is split there. Of text that a stage
    before wrote, those sentences stay of which anything was kept, reduced to that. Text that this stage
    wrote names the caller's passages that the passages it names come from.
    """
    if got.kept is None:
        return CompressedPassage.rewritten(view.source, [_sourced(s, views) for s in got.sentences])
    pieces = [(*piece, span.score) for span in got.kept for piece in view.pieces(span)]
    if all(part.start is not None for part in view.parts):
        spans = [
            Span(part.start + a, part.start + b, s) for part, a, b, s in pieces if part.start is not None
        ]
        return CompressedPassage.of(view.source, spans)
    kept: dict[int, tuple[Part, list[str]]] = {}
    for part, start, end, _ in pieces:
        kept.setdefault(part.at, (part, []))[1].append(part.text[start:end])
    if not kept:
        return CompressedPassage.of(view.source, [])
    sentences = [SourcedSentence(" ".join(texts), part.sources) for part, texts in kept.values()]
    return CompressedPassage.rewritten(view.source, sentences)


def _sourced(sentence: SourcedSentence, views: Sequence[View]) -> SourcedSentence:
    # Numbers out of range are the contract's to refuse; this runs before it when a context is rendered.
    named = [views[n] for n in sentence.passages if 0 <= n < len(views)]
    return SourcedSentence(sentence.text, tuple(sorted({n for view in named for n in view.sources})))


def merge(
    state: Sequence[CompressedPassage], composed: Mapping[int, CompressedPassage]
) -> list[CompressedPassage]:
    """The state with what a stage left; passages that were dropped before stay so."""
    return [composed.get(number, before) for number, before in enumerate(state)]
