"""Words of any script, as BM25 counts them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Any

from ...compressors.segment.chars import CONTINUA
from ...errors import NotInstalled

__all__ = ["words_of"]

_MARKS = re.compile("[\u0300-\u036f]+")
_CONTINUA_RUN = re.compile(f"[{CONTINUA}]+")


def words_of(texts: Iterable[str]) -> list[list[str]]:
    """The words of each text, in order.

    Case, accents and forms of characters are folded (NFKD). A word is a run of letters, marks and digits;
    a run of a script that writes no blanks between words (Han, kana, Thai ...) gives its overlapping pairs
    of characters, and a single one itself. English words, and whatever else is written in the letters a to
    z, lose their endings (Porter's Snowball stemmer); there are no stop words: BM25 weighs a word that is
    everywhere next to nothing, and "to be or not to be" remains a question.

    Raises:
        NotInstalled: PyStemmer is missing.
    """
    # A stemmer must not be used by two threads at once.
    stem = _stemmer().stemWord
    stems: dict[str, str] = {}
    out = []
    for text in texts:
        words = []
        for word in _runs(text):
            if not word.isascii() or not word.isalpha():
                words.append(word)
                continue
            if word not in stems:
                stems[word] = stem(word)
            words.append(stems[word])
        out.append(words)
    return out


def _runs(text: str) -> Iterable[str]:
    folded = text.casefold() if text.isascii() else _folded(text)
    for run in _word().findall(folded):
        if run.isascii() or not _CONTINUA_RUN.search(run):
            yield run
            continue
        place = 0
        for found in _CONTINUA_RUN.finditer(run):
            if found.start() > place:
                yield run[place : found.start()]
            pair = found[0]
            yield from (pair[i : i + 2] for i in range(max(1, len(pair) - 1)))
            place = found.end()
        if place < len(run):
            yield run[place:]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", _MARKS.sub("", unicodedata.normalize("NFKD", text).casefold()))


@cache
def _word() -> Any:
    import regex  # type: ignore[import-untyped]

    return regex.compile(r"[\p{L}\p{M}\p{N}]+")


def _stemmer() -> Any:
    try:
        import Stemmer
    except ImportError as error:
        raise NotInstalled(f"PyStemmer cannot be imported: {error}", hint="pip install PyStemmer") from error
    return Stemmer.Stemmer("english")
