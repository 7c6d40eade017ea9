"""Names and identifiers in a text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from .words import WORD, commonly_lower_case, key

__all__ = ["CONNECTORS", "Mention", "identifiers", "names", "squeezed", "undotted"]

_CONNECTORS = "of the de la le du del der den von van al el bin ibn y da di do dos das"
CONNECTORS = frozenset(_CONNECTORS.split())
"""May stand within a name: University *of* Oxford."""

_LETTER = r"A-Za-z\u00b5\u00c0-\u024f\u0370-\u052f"
_PIECE = re.compile(r"[^\s()\[\]{}<>\"“”«»,;|`*]+")
_EDGES = ".:!?'’‘-–—…"
_AMOUNT = re.compile(rf"[$€£¥]?\d[\d.,:/–-]*[a-z\u00b5]{{0,3}}(?:-[{_LETTER}-]+)?[%°]?[CF]?")
_DOTTED = re.compile(rf"(?<![{_LETTER}\d])(?:[{_LETTER}]\.){{2,}}")
_OPENS = re.compile(r"[.!?:;…。！？\n\"“«‘•]|\s['*-]")
_TITLE = re.compile(r"[^\W\d_]\w?")  # Dr, St, or an initial: its point ends no sentence


@dataclass(frozen=True, slots=True)
class Mention:
    """``text[start:end]``; ``keys`` are its words (see :func:`.words.key`), without connectors."""

    start: int
    end: int
    keys: tuple[str, ...]


def undotted(text: str) -> str:
    """``U.S.A.`` as ``USA``, everything else in its place."""
    return _DOTTED.sub(lambda m: m.group().replace(".", "").ljust(len(m.group())), text)


def identifiers(text: str) -> list[tuple[int, int]]:
    """Where URLs, addresses, paths, code names and model numbers stand: ``max_tokens``, ``F-16``."""
    found = []
    for match in _PIECE.finditer(text):
        piece = match.group().rstrip(_EDGES)
        if _is_identifier(piece.lstrip(_EDGES)):
            found.append((match.start(), match.start() + len(piece)))
    return found


def _is_identifier(piece: str) -> bool:
    letters, digits = re.search(rf"[{_LETTER}]", piece), re.search(r"\d", piece)
    if not letters:
        return False
    if digits and not _AMOUNT.fullmatch(piece):
        return True  # but not 20mg, 1990s, 30-day
    return bool(re.search(rf"_|@|::|->|\w://|\A[~/]\S|[{_LETTER}]\.[a-z]{{2,}}", piece))


def _squeeze(text: str) -> str:
    """Without case, and without points and dashes but those between figures: COVID-19, covid 19."""
    return re.sub(r"(?<=\d)(\D+)(?=\d)|[\W_]", lambda m: m[1] or "", text).casefold()


def squeezed(text: str, spans: Sequence[tuple[int, int]] | None = None) -> set[str]:
    """What an identifier may look like in a text: its pieces and pairs of neighbours; or ``spans`` alone."""
    if spans is not None:
        return {_squeeze(text[start:end]) for start, end in spans}
    pieces = [match.group().strip(_EDGES) for match in _PIECE.finditer(text)]
    pairs = {_squeeze(a + b) for a, b in pairwise(pieces)}
    return {_squeeze(piece) for piece in pieces} | pairs


def names(text: str) -> list[Mention]:
    """Runs of capitalised words, acronyms, and words with capitals inside, in order.

    A word that opens a sentence and is mostly written small is no name. Scripts without capitals have none.
    """
    plain = undotted(text)
    found: list[Mention] = []
    run: list[re.Match[str]] = []
    last: re.Match[str] | None = None
    for word in WORD.finditer(plain):
        gap = plain[last.end() if last else 0 : word.start()]
        if last is None:
            opens = True
        elif gap == ". " and _TITLE.fullmatch(last.group()) and last.group()[0].isupper():
            opens = False
        else:
            opens = bool(_OPENS.search(gap))
        if opens or not re.fullmatch(r"[\s.&-]{1,3}", gap):
            found += _mention(run)
            run = []
        if _named(word.group(), opens) or (run and word.group() in CONNECTORS):
            run.append(word)
        else:
            found += _mention(run)
            run = []
        last = word
    return found + _mention(run)


def _named(word: str, opens: bool) -> bool:
    capitals = sum(c.isupper() for c in word)
    if not capitals or re.search(r"\d", word) or re.split("['’]", word)[0] == "I":
        return False
    return capitals > 1 or not opens or not commonly_lower_case(word)


def _mention(run: Sequence[re.Match[str]]) -> list[Mention]:
    run = list(run)
    while run and run[-1].group() in CONNECTORS:
        run.pop()
    if not run:
        return []
    return [
        Mention(
            run[0].start(), run[-1].end(), tuple(key(w.group()) for w in run if w.group() not in CONNECTORS)
        )
    ]
