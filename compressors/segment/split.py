"""From a text to its segments."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import InvalidInput
from .blocks import Block, find_blocks
from .chars import joins_words, trim
from .graphemes import Graphemes
from .lines import Line, read_lines
from .long import divide
from .sentences import sentence_cuts
from .types import Segment

__all__ = ["split"]


def split(text: str, *, max_chars: int = 600) -> list[Segment]:
    """Divides a text into units that a compressor keeps or drops as a whole.

    Code (fenced, indented, doctests, grammars), tables and headings are never
    divided, list items only where they are longer than ``max_chars`` (into
    sentences, each of kind ``item``). Paragraphs are divided into sentences,
    and sentences longer than ``max_chars`` characters at clause marks, else at
    white space, else, in scripts without blanks, between graphemes. Line
    breaks inside a paragraph mean nothing. A piece may still exceed
    ``max_chars`` where a single word, number or piece of inline code does.

    Segments are in order and do not overlap; each begins and ends with a
    character that is no white space (``str.isspace``), and every such
    character lies in exactly one segment. No boundary falls inside a word,
    number, date, identifier, URL or grapheme cluster. The same text always
    gives the same segments, in time linear in its length.

    Raises:
        InvalidInput: ``text`` is no string, or ``max_chars`` is below 1.
    """
    if not isinstance(text, str):
        raise InvalidInput(f"split needs a str, got {type(text).__name__}", hint="decode bytes first")
    if max_chars < 1:
        raise InvalidInput(f"max_chars must be at least 1, got {max_chars}", hint="600 is a good value")
    graphemes = Graphemes(text)
    segments: list[Segment] = []
    lines = read_lines(text)
    for block in find_blocks(lines):
        for segment in _segments(text, lines, block, max_chars, graphemes):
            if segments and not _separable(text, segments[-1].end, segment.start, graphemes):
                last = segments.pop()
                segments.append(Segment(last.start, segment.end, last.kind))
            else:
                segments.append(segment)
    return segments


def _segments(
    text: str, lines: list[Line], block: Block, max_chars: int, graphemes: Graphemes
) -> Iterator[Segment]:
    start, end = trim(text, lines[block.first].start, lines[block.last - 1].end)
    if block.kind in {"code", "table", "heading"} or (block.kind == "item" and end - start <= max_chars):
        yield Segment(start, end, block.kind)
        return
    for first, last in _paragraphs(text, lines, block):
        for begin, stop in _sentences(text, first, last):
            for piece in divide(text, begin, stop, max_chars, graphemes):
                yield Segment(*piece, block.kind)


def _paragraphs(text: str, lines: list[Line], block: Block) -> Iterator[tuple[int, int]]:
    """The paragraphs of a long list item; a block of running text is one."""
    first = block.first
    for index in range(block.first, block.last + 1):
        if index == block.last or lines[index].blank:
            if index > first:
                start, end = trim(text, lines[first].start, lines[index - 1].end)
                if start < end:
                    yield start, end
            first = index + 1


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for cut in sentence_cuts(text, start, end):
        yield trim(text, start, cut)
        start, _ = trim(text, cut, end)
    yield start, end


def _separable(text: str, end: int, start: int, graphemes: Graphemes) -> bool:
    """The last word on every boundary, whichever rule made it."""
    if end == start and joins_words(text[end - 1], text[end]):
        return False
    return graphemes.may_cut(end) and graphemes.may_cut(start)
