"""Numbers in a text, in figures or in English words: 1,000, 1000, 5%, five percent, 3rd, 1.2 million."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Amount", "Value", "amounts", "read_figures"]

Value = Fraction | str
"""A number; of versions, addresses and dates with two points or more, the text itself."""

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = {word: i for i, word in enumerate(_UNITS.split())}
_SMALL |= {word: i for i, word in enumerate(_ORDINALS.split(), 1)}
_SMALL |= {word: 10 * i for i, word in enumerate(_TENS.split(), 2)}
_SCALES = {"dozen": 12, "hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9}
_SCALES |= {"trillion": 10**12, "mn": 10**6, "bn": 10**9}
_SUFFIXES = {"k": 10**3, "m": 10**6, "mn": 10**6, "b": 10**9, "bn": 10**9}
_LOOSE = {"one", "first", "second"}
"""Alone, more often a pronoun, an adverb or a moment than a number."""

_LETTER = r"A-Za-z\u00b5\u00c0-\u024f\u0370-\u052f"
_TOKEN = re.compile(
    rf"(?<![{_LETTER}\d_])(?<!\d[.,])(?:"
    r"(?P<figures>\d{1,3}(?:[ \u00a0\u2009\u202f'’]\d{3})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,]\d+)*)"
    r"(?P<suffix>[a-z\u00b5]{1,3})?"
    rf"|(?P<word>{'|'.join([*_SMALL, *_SCALES])}))(?![{_LETTER}\d_])",
    re.IGNORECASE,
)
_GAP = re.compile(r"[\s\u00a0-]{1,3}(and\s+)?", re.IGNORECASE)
_SIGNS = {"%": "%|％|per ?cent|pct", "$": r"\$|(?:us )?dollars?|usd", "€": "€|euros?|eur"}
_SIGNS |= {"£": "£|gbp", "¥": "¥|yen|jpy"}
_AFTER = {s: re.compile(rf"[\s-]?(?:{w})(?![{_LETTER}])", re.IGNORECASE) for s, w in _SIGNS.items()}
_BEFORE = {s: re.compile(rf"(?:{w})\s?\Z", re.IGNORECASE) for s, w in _SIGNS.items() if s != "%"}
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Amount:
    """``text[start:end]`` with every value it may be read as.

    ``unit``: ``%``, a currency's sign or nothing. ``loose``: a word such as *one* that need not be meant
    as a number.
    """

    start: int
    end: int
    values: frozenset[Value]
    unit: str = ""
    loose: bool = False


def amounts(text: str) -> list[Amount]:
    """All numbers of a text, in order."""
    return [
        Amount(run.start, run.end, run.values, _unit(text, run.start, run.end), run.word.lower() in _LOOSE)
        for run in _runs(text)
    ]


def read_figures(figures: str) -> frozenset[Value]:
    """What a number in figures may mean: ``1,234`` is 1234, and ``1.234`` may be that, too."""
    plain = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in figures)
    plain = re.sub(r"[\s'’]", "", plain)
    groups, marks = re.split(r"[.,]", plain), re.findall(r"[.,]", plain)
    if len(plain) > _LONGEST:
        return frozenset({plain})
    if not marks:
        return frozenset({Fraction(plain)})
    in_threes = len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:-1])
    values: set[Value] = set()
    if len(marks) == 1 or (in_threes and marks[-1] not in marks[:-1] and len(set(marks)) == 2):
        values.add(Fraction(f"{''.join(groups[:-1])}.{groups[-1]}"))
    if in_threes and len(groups[-1]) == 3 and len(set(marks)) == 1 and groups[0].strip("0"):
        values.add(Fraction("".join(groups)))
    return frozenset(values or {plain})


@dataclass(slots=True)
class _Run:
    """Figures and number words that make one number: ``total`` is done, ``current`` may still be scaled."""

    start: int
    end: int
    current: frozenset[Value]
    total: int = 0
    room: int = 0  # what may still be added is less: 10 after twenty, 100 after hundred
    word: str = ""  # the one word that it is, if it is one

    @property
    def values(self) -> frozenset[Value]:
        return frozenset(v + self.total if isinstance(v, Fraction) else v for v in self.current)

    def scale(self, by: int, end: int) -> None:
        scaled = frozenset[Value](v * by for v in self.current if isinstance(v, Fraction))
        if by < 1000 or len(scaled) != 1:
            self.current = scaled or self.current
        else:
            self.total += int(next(iter(scaled))) if _whole(scaled) else 0
            self.current = frozenset({Fraction(0)}) if _whole(scaled) else scaled
        self.room, self.end, self.word = by, end, ""

    def add(self, value: int, end: int) -> None:
        self.current = frozenset(v + value for v in self.current if isinstance(v, Fraction))
        self.room, self.end, self.word = 10 if value >= 20 else 0, end, ""


def _whole(values: frozenset[Value]) -> bool:
    return all(isinstance(v, Fraction) and v.denominator == 1 for v in values)


def _runs(text: str) -> Iterator[_Run]:
    run: _Run | None = None
    for match in _TOKEN.finditer(text):
        word, end = (match.group("word") or "").lower(), match.end()
        gap = _GAP.fullmatch(text, run.end, match.start()) if run else None
        if gap and gap[1] and (run is None or run.room < 100):
            gap = None  # five and six are two numbers, a hundred and six is one
        if run and gap and word in _SCALES:
            run.scale(_SCALES[word], end)
        elif run and gap and word and 0 < _SMALL[word] < run.room:
            run.add(_SMALL[word], end)
        else:
            if run:
                yield run
            run = _begun(match, word)
    if run:
        yield run


def _begun(match: re.Match[str], word: str) -> _Run:
    start, end = match.span()
    if word in _SCALES:
        run = _Run(start, end, frozenset({Fraction(1)}))
        run.scale(_SCALES[word], end)
        return run
    if word:
        return _Run(start, end, frozenset({Fraction(_SMALL[word])}), 0, 10 if _SMALL[word] >= 20 else 0, word)
    values = read_figures(match.group("figures"))
    times = _SUFFIXES.get((match.group("suffix") or "").lower(), 1)  # 5m: metres or million
    return _Run(start, end, values | {v * times for v in values if isinstance(v, Fraction)})


def _unit(text: str, start: int, end: int) -> str:
    after = (sign for sign, pattern in _AFTER.items() if pattern.match(text, end))
    before = (sign for sign, pattern in _BEFORE.items() if pattern.search(text, max(0, start - 12), start))
    return next(after, "") or next(before, "")
