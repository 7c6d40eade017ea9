"""Words of any script, as key terms are counted by."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import pairwise

import regex  # type: ignore[import-untyped]

from ...compressors.segment.chars import CONTINUA

__all__ = ["words"]

# Letters with their marks (the vowel signs of Indic scripts are marks), joined by apostrophes and hyphens;
# ``\w`` of the standard library would break words at such marks.
_PART = r"[\p{L}\p{N}][\p{L}\p{M}\p{N}]*"
_WORD = regex.compile(rf"{_PART}(?:['\-‐]{_PART})*")
# A character of a script that writes no blanks between words, with its marks.
_CHARACTER = rf"[{CONTINUA}][\p{{M}}ー]*"
_UNBROKEN = regex.compile(_CHARACTER)
_PIECE = regex.compile(rf"(?P<unbroken>(?:{_CHARACTER})+)|(?:(?!{_CHARACTER}).)+")
_LETTER = regex.compile(r"\p{L}")


def words(text: str) -> Iterator[str]:
    """The words of a text in lower case, in order. Where a script writes no blanks between words, pairs of
    neighbouring characters stand for them. Numbers, and single letters of other scripts, are left out.

    >>> list(words("The Cable's 2 ends; 光ファイバー"))
    ['the', "cable's", 'ends', '光フ', 'ファ', 'ァイ', 'イバー']
    """
    plain = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    for word in _WORD.findall(plain):
        if not word.isascii() and _UNBROKEN.search(word):
            yield from _pieces(word)
        elif len(word) > 1 and _LETTER.search(word):
            yield word


def _pieces(word: str) -> Iterator[str]:
    for piece in _PIECE.finditer(word):
        if piece["unbroken"]:
            characters = _UNBROKEN.findall(piece["unbroken"])
            yield from (first + second for first, second in pairwise(characters))
            if len(characters) == 1:
                yield characters[0]
        elif len(piece.group()) > 1 and _LETTER.search(piece.group()):
            yield piece.group()
