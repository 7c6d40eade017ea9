"""Whether a terminator followed by white space ends the sentence."""

from __future__ import annotations

import re
from functools import cached_property

from .chars import skip_space
from .words import (
    ALWAYS,
    BEFORE_NUMBERS,
    GERMAN,
    LABELS,
    MONTHS,
    NAMES,
    PARTICLES,
    PRONOUNS,
    SAYING,
    SOMETIMES,
    STARTERS,
)

__all__ = ["Paragraph", "ends_sentence"]

_LOOK_BACK = 40  # no abbreviation is longer
_OPENERS = re.compile(r"(?:[\"“‘«‹„‚(\[{¿¡*_#>`'「『（【《〈—–•-]|\s)*+")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_TOKEN = re.compile(r"\S{1,60}")
_BRAND = re.compile(r"[a-z]{1,3}[A-Z]")
_IDENTIFIER = re.compile(r"https?://|www\.|[a-z]\w*(?:[._:/]\w+)*(?:_\w+|\.\w+|\(\))")
_ACRONYM = re.compile(r"(?:[^\W\d_]{1,2}\.)+[^\W\d_]{1,2}|Ph\.D|M\.Sc|B\.Sc|Dipl\.-Ing")
_ROMAN = re.compile(r"[IVX]{1,6}")


class Paragraph:
    """A paragraph under way: ``sentence`` is where the sentence now read began."""

    def __init__(self, text: str, start: int, end: int) -> None:
        self.text, self.start, self.end, self.sentence = text, start, end, start
        self._counted, self._quotes = start, 0

    @cached_property
    def lowercase(self) -> bool:
        """Whether the whole paragraph does without capitals, as chats and transcripts do."""
        body = self.text[self.start : self.end]
        return body == body.lower()

    @cached_property
    def german(self) -> bool:
        """Whether at least two different frequent German words occur."""
        found: set[str] = set()
        for match in _WORD.finditer(self.text, self.start, self.end):
            if match.group() in GERMAN:
                found.add(match.group())
                if len(found) > 1:
                    return True
        return False

    def quote_is_open(self, position: int) -> bool:
        """Whether an odd number of straight quotes stands before ``position``; asked in ascending order."""
        self._quotes += self.text.count('"', self._counted, position)
        self._counted = position
        return self._quotes % 2 == 1


def ends_sentence(paragraph: Paragraph, first: int, mark: int, stop: int, following: int) -> bool:
    """Judges the terminators ``text[first:mark]``.

    ``text[mark:stop]`` are the quotes and brackets that close behind them,
    ``following`` the next character that is not white space.
    """
    text = paragraph.text
    openers = _OPENERS.match(text, following, paragraph.end)
    begin = openers.end() if openers else following
    if begin >= paragraph.end:
        return False
    char = text[begin]
    if char in ",;:!?…)]}”»%" or (char == "." and not text[begin + 1 : begin + 2].isalnum()):
        return False
    dots = text[first:mark]
    if char.isdigit() and text[begin - 1] == "(":
        return False
    if char.islower() and not _may_begin_lowercase(paragraph, text[following:begin], begin, dots, mark, stop):
        return False
    next_word = _WORD.match(text, begin, paragraph.end)
    word = next_word.group() if next_word else ""
    starts = text[begin - 1] in "¿¡" or _is_starter(paragraph, word, begin, first)
    if dots == ".":
        return _full_stop(paragraph, first, char, word, starts)
    if set(dots) <= set(".… \u00a0"):
        return first > paragraph.sentence and word not in {"I", "I'm", "I’m"}
    return _exclamation(paragraph, first, mark, stop, begin, starts)


def _is_starter(paragraph: Paragraph, word: str, begin: int, first: int) -> bool:
    """Whether the next word is one that begins sentences, and no initial or abbreviation itself."""
    text = paragraph.text
    behind = text[begin + len(word) : begin + len(word) + 1]
    if behind == "." or behind.isalnum() or (behind == "," and len(word) == 1):
        return False
    capitals = len(word) > 1 and word.isupper() and text[max(0, first - 2) : first].isupper()
    return (word.capitalize() if capitals or paragraph.lowercase else word) in STARTERS


def _may_begin_lowercase(
    paragraph: Paragraph, openers: str, begin: int, dots: str, mark: int, stop: int
) -> bool:
    """Lower case behind a terminator goes on with the sentence, save for these cases."""
    text = paragraph.text
    if _BRAND.match(text, begin):
        return True
    plain = dots == "." and not text[mark:stop].strip("*_~`")
    if plain and openers and openers[-1] in "\"“`*_'" and "(" not in openers:
        return True
    token = _TOKEN.match(text, begin, paragraph.end)
    if plain and token and _IDENTIFIER.match(token.group()):
        return True
    if plain and token and token.group() in PRONOUNS and text[mark - 5 : mark - 1].isalnum():
        return True
    return paragraph.lowercase and stop == mark and dots in {".", "!", "?"}


def _full_stop(paragraph: Paragraph, first: int, char: str, word: str, starts: bool) -> bool:
    """A single full stop: what matters is the word before it."""
    text = paragraph.text
    head = text[max(paragraph.sentence, first - _LOOK_BACK) : first]
    words = head.split()
    tail = words[-1] if words and not head[-1].isspace() else ""
    before = tail.lstrip("\"'“‘«„‚([{*_`¿¡—–-")
    if not before:
        return bool(words) if not tail else True
    if before in ALWAYS or before.lower() in ALWAYS:
        return False
    if before in BEFORE_NUMBERS and char.isdigit():
        return False
    if before in SOMETIMES or _ACRONYM.fullmatch(before):
        return starts
    if before.isdigit():
        return _number(paragraph, first, before, word, starts)
    if len(before) == 1 and before.isalpha():
        if len(words) > 1 and words[-2] in LABELS:
            return True
        return (starts and word not in PARTICLES) or (
            before.islower() and before.isascii() and before not in "vcbdzspnfe" and not paragraph.lowercase
        )
    if _ROMAN.fullmatch(before) and paragraph.german:
        return starts
    return True


def _number(paragraph: Paragraph, first: int, digits: str, word: str, starts: bool) -> bool:
    """``12.``: an enumerator, a day, a German ordinal, or the end of a sentence."""
    if word in MONTHS:
        return False
    if not paragraph.text[paragraph.sentence : first - len(digits)].strip("\"'“‘«„‚([{*_`> \n"):
        return False
    return starts or len(digits) > 2 or not paragraph.german


def _exclamation(paragraph: Paragraph, first: int, mark: int, stop: int, begin: int, starts: bool) -> bool:
    """``!`` and ``?``: names that own one, and direct speech with its speaker behind it."""
    text = paragraph.text
    before = text[max(paragraph.sentence, first - _LOOK_BACK) : mark].split()
    if before and before[-1].lstrip("\"'“‘«([") in NAMES:
        return starts
    quoted = text[skip_space(text, paragraph.sentence, first)] in "\"'“‘«„"
    if quoted and stop > mark:
        words = text[begin : begin + 60].split()[:3]
        return not any(word.strip(",.:;") in SAYING for word in words)
    return True
