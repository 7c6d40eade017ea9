"""Sentences of a paragraph: every terminator is found, then judged by what stands on its two sides."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .atoms import Atoms
from .chars import CJK_CLOSERS, CLOSERS, HARD, SOFT, is_continua, skip_space
from .nesting import Nesting
from .verdict import Paragraph, ends_sentence

__all__ = ["sentence_cuts"]

_END = re.compile(
    rf"[{re.escape(SOFT + HARD)}]++(?:[ \u00a0]\.(?=[ \u00a0]|$))*+(?:[{re.escape(CLOSERS)}]|\[\d{{1,3}}\])*+"
)
_TERMINATORS = re.compile(rf"[{re.escape(SOFT + HARD)}]++(?:[ \u00a0]\.(?=[ \u00a0]|$))*+")
_PICTURES = re.compile(
    "(?:[ \u00a0]?[\u2600-\u27bf\U0001f300-\U0001faff][\ufe0f\u200d\U0001f3fb-\U0001f3ff]*)+"
)
_NOTES = re.compile(r"\s{1,2}\[\d{1,3}\](?=\s|$)")
# A Japanese quotation goes on with a particle, a Chinese one with who said it.
_QUOTE_GOES_ON = re.compile(r"[ぁ-ゖー、，。．？！：；·]|(?:[一-鿿]{1,4})(?:说|說|道|问|問|喊|叫)")


def sentence_cuts(text: str, start: int, end: int) -> list[int]:
    """Where ``text[start:end]``, one paragraph, may be cut into sentences.

    Each cut is the position behind a sentence's last character; ``end`` is not
    among them. Linear in the length of the paragraph.
    """
    if end - start < 3:
        return []
    return list(_cuts(text, start, end))


def _cuts(text: str, start: int, end: int) -> Iterator[int]:
    paragraph = Paragraph(text, start, end)
    atoms: Atoms | None = None
    nesting: Nesting | None = None
    for match in _END.finditer(text, start, end):
        stop = match.end()
        if stop >= end:
            return
        terminators = _TERMINATORS.match(text, match.start(), stop)
        mark = terminators.end() if terminators else stop
        if text[stop].isspace():
            stop = _with_detached(paragraph, stop)
            if stop < end and not text[stop].isspace():
                continue
            following = skip_space(text, stop, end)
            if following >= end:
                return
            good = ends_sentence(paragraph, match.start(), mark, stop, following)
        else:
            good = _ends_without_blank(text, start, match.start(), mark, stop)
        if not good:
            continue
        nesting = nesting or Nesting(text, start, end)
        atoms = atoms or Atoms(text, start, end, spaced=False)
        if atoms.may_cut(stop) and not nesting.encloses(stop):
            paragraph.sentence = stop
            yield stop


def _with_detached(paragraph: Paragraph, stop: int) -> int:
    """Takes in closing quotes and brackets set off by a blank (tokenised text), emoji and note marks."""
    text, end = paragraph.text, paragraph.end
    for detached in (_PICTURES, _NOTES):
        if match := detached.match(text, stop, end):
            stop = match.end()
    while True:
        following = skip_space(text, stop, end)
        width = 2 if text.startswith("''", following) else 1
        behind = following + width
        if following >= end or following == stop or not (behind >= end or text[behind].isspace()):
            return stop
        char = text[following]
        if char in "”’»)]" or width == 2 or (char == '"' and paragraph.quote_is_open(following)):
            stop = behind
        else:
            return stop


def _ends_without_blank(text: str, start: int, first: int, mark: int, stop: int) -> bool:
    """The verdict where no blank follows: scripts without blanks, and unmistakable terminators."""
    last, before, after = text[mark - 1], text[first - 1] if first > start else " ", text[stop]
    if last in HARD:
        if last == "．" and not (is_continua(before) and is_continua(after)):
            return False
        if before.isdigit() and after.isdigit():
            return False
        if stop > mark and text[stop - 1] in CJK_CLOSERS and _QUOTE_GOES_ON.match(text, stop):
            return False
        return after.isalnum() or after in "「『（《〈【“‘\"'([¿¡#*_-—" or not after.isascii()
    return last in "!?‼⁇⁈⁉" and is_continua(before) and is_continua(after)
